/** A view of a search: everything the page shows that can be derived from its records. It mirrors its_graph/search/tree.py. */

/** Where first steps hang: the question. */
export const ROOT = "question";

/** How a step names itself, which its column says already. */
const OWN_NUMBER = /^(?:#+ *)?step *\d+ *[:.)-] */i;

/** What became of a step, in words; the order is that of the legend. */
export const ROLES = {
  winner: "answer",
  finished: "finished",
  kept: "kept",
  waiting: "not judged yet",
  edited: "written by a person",
  pruned: "pruned by a person",
  cut: "cut",
  truncated: "cut off by a limit",
  failed: "failed",
  auxiliary: "not a solution",
};

export class Tree {
  constructor(state) {
    this.state = state;
    this.steps = state.steps;
    this.failures = state.failures;
    this.frontier = state.frontier ?? [];
    this.result = state.result ?? null;
    this.scored = Object.keys(state.scores).length > 0;
    this.stepwise = Object.values(this.steps).some((step) => step.finish === "stop_string");
    this.answers = new Map((this.result?.candidates ?? []).map((one) => [one.id, one.answer]));
    this.parents = new Map();
    this.roles = new Map();
    this.children = new Map([[ROOT, []]]);
    const ids = [...Object.keys(this.steps), ...Object.keys(this.failures)].sort((a, b) => a - b);
    for (const id of ids) this.#hang(id);
    this.#judge();
  }

  /** A step without a parent hangs below the youngest solution that it was written from, or below the question. */
  #hang(id) {
    const record = this.steps[id] ?? this.failures[id];
    const shown = (record.sources ?? []).filter((one) => this.parents.has(one));
    const parent = record.parent ?? shown.sort((a, b) => this.depth(a) - this.depth(b)).at(-1) ?? ROOT;
    this.parents.set(id, parent);
    this.children.set(id, []);
    this.children.get(parent)?.push(id);
  }

  #judge() {
    const winner = this.result?.text == null ? null : this.#winner();
    this.winner = winner;
    this.winning = new Set(winner === null ? [] : this.path(winner));
    this.pruned = new Set(Object.values(this.state.human_edits).flatMap(prunedBy));
    this.living = new Set();
    const ids = Object.keys(this.steps);
    const ends = [...this.frontier, ...ids.filter((id) => this.finished(id) && !this.isAuxiliary(id))];
    for (const id of ends) this.#enliven(id);
    this.onward = new Set(this.frontier);
    this.selectedOnce = this.frontier.length > 0 || ids.some((id) => this.steps[id].parent !== null && !this.isAuxiliary(id));
    this.waiting = new Set(ids.filter((id) => this.#waits(id)));
    for (const id of this.waiting) this.#enliven(this.steps[id].parent);
  }

  #winner() {
    const won = this.result.candidates.find((one) => one.text === this.result.text && one.id in this.steps);
    return won?.id ?? null;
  }

  #enliven(id) {
    for (let at = id; at !== null && at in this.steps && !this.living.has(at); at = this.steps[at].parent) {
      this.living.add(at);
    }
  }

  /** Whether the next selection has yet to decide about the step. */
  #waits(id) {
    const step = this.steps[id];
    const goneOn = this.children.get(id).some((child) => !this.isAuxiliary(child));
    if (this.result || goneOn || !this.open(id)) return false;
    return step.parent === null ? !this.selectedOnce : this.onward.has(step.parent);
  }

  isAuxiliary(id) {
    return "auxiliary" in (this.steps[id] ?? {});
  }

  finished(id) {
    return this.steps[id]?.finish === "end";
  }

  /** Whether the path can be continued. */
  open(id) {
    return this.steps[id]?.finish === "stop_string" && !this.isAuxiliary(id);
  }

  score(id) {
    return this.state.scores[id]?.value ?? null;
  }

  /** Return the ids from the first step to `id`, as they hang in the drawing. */
  path(id) {
    const ids = [];
    for (let at = id; at !== ROOT && at !== undefined; at = this.parents.get(at)) ids.push(at);
    return ids.reverse();
  }

  depth(id) {
    return id === ROOT ? 0 : this.path(id).length;
  }

  role(id) {
    if (!this.roles.has(id)) this.roles.set(id, this.#role(id));
    return this.roles.get(id);
  }

  #role(id) {
    if (id === ROOT) return "root";
    if (id in this.failures) return "failed";
    if (id === this.winner) return "winner";
    if (this.isAuxiliary(id)) return "auxiliary";
    if (this.pruned.has(id)) return "pruned";
    if (this.steps[id].by === "person") return "edited";
    if (this.finished(id)) return "finished";
    if (this.steps[id].finish === "length") return "truncated";
    if (this.living.has(id) || this.winning.has(id)) return "kept";
    return this.waiting.has(id) ? "waiting" : "cut";
  }

  /** What became of a step, in words. */
  fate(id) {
    return this.steps[id]?.auxiliary ?? ROLES[this.role(id)];
  }

  /** Whether nothing will come of the step any more. */
  dead(id) {
    return ["cut", "truncated", "pruned", "failed", "auxiliary"].includes(this.role(id));
  }

  /** What the step says, on one line; the answer instead, where a last step has nothing else to say. */
  label(id) {
    if (id === ROOT) return "question";
    if (id in this.failures) return this.failures[id].reason;
    const answer = this.answers.get(id);
    const said = this.steps[id].text.replace(/\s+/g, " ").trim().replace(OWN_NUMBER, "");
    if (answer == null) return said;
    return this.steps[id].parent === null ? `→ ${answer}   ${said}` : `→ ${answer}`;
  }
}

/** A step that was replaced by an edit is given up as one that was pruned. */
function prunedBy(steer) {
  return [...steer.prune, ...Object.keys(steer.edits)];
}
