/** A view of a search state: everything on the page that is derived from its records. Mirrors its_graph/search/tree.py. */

/** Id of the root node, the question; parent of all first steps. */
export const ROOT = "question";

/** The number that a step's text starts with; its column shows it already. */
const STEP_NUMBER = /^(?:#+ *)?step *\d+ *[:.)-] */i;

/** Roles of steps and their display texts, in the order of the legend. */
export const ROLES = {
  winner: "answer",
  finished: "finished",
  kept: "kept",
  waiting: "pending",
  edited: "edited by a person",
  pruned: "pruned by a person",
  cut: "not selected",
  truncated: "truncated",
  failed: "failed",
  auxiliary: "auxiliary",
};
const DISCARDED = new Set(["cut", "truncated", "pruned", "failed", "auxiliary"]);

export class Tree {
  constructor(state) {
    this.state = state;
    this.steps = state.steps;
    this.failures = state.failures;
    this.frontier = state.frontier ?? [];
    this.result = state.result ?? null;
    this.scored = Object.keys(state.scores).length > 0;
    this.stepwise = Object.values(this.steps).some((step) => step.finish === "stop_string");
    this.answers = new Map((this.result?.candidates ?? []).map((candidate) => [candidate.id, candidate.answer]));
    this.parents = new Map();
    this.roles = new Map();
    this.children = new Map([[ROOT, []]]);
    const ids = [...Object.keys(this.steps), ...Object.keys(this.failures)].sort((a, b) => a - b);
    for (const id of ids) this.#attach(id);
    this.#findRoles();
  }

  /** Attach a step without a parent to the deepest solution that it was generated from, or to the question. */
  #attach(id) {
    const record = this.steps[id] ?? this.failures[id];
    const sources = (record.sources ?? []).filter((source) => this.parents.has(source));
    const parent = record.parent ?? sources.sort((a, b) => this.depth(a) - this.depth(b)).at(-1) ?? ROOT;
    this.parents.set(id, parent);
    this.children.set(id, []);
    this.children.get(parent)?.push(id);
  }

  #findRoles() {
    this.winner = this.result?.text == null ? null : this.#findWinner();
    this.winningPath = new Set(this.winner === null ? [] : this.path(this.winner));
    this.pruned = new Set(Object.values(this.state.human_edits).flatMap(prunedIds));
    this.alive = new Set();
    const ids = Object.keys(this.steps);
    const ends = [...this.frontier, ...ids.filter((id) => this.finished(id) && !this.isAuxiliary(id))];
    for (const id of ends) this.#markAlive(id);
    this.frontierSet = new Set(this.frontier);
    const hasLaterSteps = ids.some((id) => this.steps[id].parent !== null && !this.isAuxiliary(id));
    this.hasSelected = this.frontier.length > 0 || hasLaterSteps;
    this.pending = new Set(ids.filter((id) => this.#isPending(id)));
    for (const id of this.pending) this.#markAlive(this.steps[id].parent);
  }

  #findWinner() {
    const { candidates, text } = this.result;
    return candidates.find((candidate) => candidate.text === text && candidate.id in this.steps)?.id ?? null;
  }

  /** Mark a step and its ancestors. */
  #markAlive(id) {
    for (let at = id; at !== null && at in this.steps && !this.alive.has(at); at = this.steps[at].parent) {
      this.alive.add(at);
    }
  }

  /** Whether the next selection decides about the step. */
  #isPending(id) {
    const step = this.steps[id];
    const isExpanded = this.children.get(id).some((child) => !this.isAuxiliary(child));
    if (this.result || isExpanded || !this.open(id)) return false;
    return step.parent === null ? !this.hasSelected : this.frontierSet.has(step.parent);
  }

  isAuxiliary(id) {
    return "auxiliary" in (this.steps[id] ?? {});
  }

  finished(id) {
    return this.steps[id]?.finish === "end";
  }

  /** Whether the path can be expanded. */
  open(id) {
    return this.steps[id]?.finish === "stop_string" && !this.isAuxiliary(id);
  }

  score(id) {
    return this.state.scores[id]?.value ?? null;
  }

  /** Return the ids from the first step to `id`, by the parents of the drawing. */
  path(id) {
    const ids = [];
    for (let at = id; at !== ROOT && at !== undefined; at = this.parents.get(at)) ids.push(at);
    return ids.reverse();
  }

  depth(id) {
    return id === ROOT ? 0 : this.path(id).length;
  }

  role(id) {
    if (!this.roles.has(id)) this.roles.set(id, this.#findRole(id));
    return this.roles.get(id);
  }

  #findRole(id) {
    if (id === ROOT) return "root";
    if (id in this.failures) return "failed";
    if (id === this.winner) return "winner";
    if (this.isAuxiliary(id)) return "auxiliary";
    if (this.pruned.has(id)) return "pruned";
    if (this.steps[id].by === "person") return "edited";
    if (this.finished(id)) return "finished";
    if (this.steps[id].finish === "length") return "truncated";
    if (this.alive.has(id) || this.winningPath.has(id)) return "kept";
    return this.pending.has(id) ? "waiting" : "cut";
  }

  /** The status of a step as display text; for auxiliary text, its kind. */
  statusText(id) {
    return this.steps[id]?.auxiliary ?? ROLES[this.role(id)];
  }

  /** Whether the search does not use the step any further. */
  isDiscarded(id) {
    return DISCARDED.has(this.role(id));
  }

  /** The text of a step on one line; for the last step of a path, its answer. */
  label(id) {
    if (id === ROOT) return "question";
    if (id in this.failures) return this.failures[id].reason;
    const answer = this.answers.get(id);
    const text = this.steps[id].text.replace(/\s+/g, " ").trim().replace(STEP_NUMBER, "");
    if (answer == null) return text;
    return this.steps[id].parent === null ? `→ ${answer}   ${text}` : `→ ${answer}`;
  }
}

/** Return the steps that an edit discards: pruned ones, and those that it replaced. */
function prunedIds(edit) {
  return [...edit.prune, ...Object.keys(edit.edits)];
}
