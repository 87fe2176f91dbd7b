/** The page of a server: ask, watch, steer, cancel, resume, look back. */

import { Client } from "./client.js";
import { h } from "./dom.js";
import { AskForm } from "./form.js";
import { History } from "./history.js";
import { askKey } from "./key.js";
import { Pane } from "./pane.js";
import { Stage } from "./stage.js";
import { SteeringPanel } from "./steering.js";
import { questionText } from "./wording.js";

/** Return the stage, and the column beside it that asks and lists. */
export function servedStage() {
  const served = new Served();
  served.begin();
  return { stage: served.stage, tools: [], side: [served.side] };
}

class Served {
  constructor() {
    this.client = new Client(askKey);
    this.sessions = new Map();
    const panelOf = (pane) => this.sessions.get(pane)?.panel ?? null;
    this.stage = new Stage({ panelOf, empty: "Ask a question to grow a tree." });
    this.history = new History((id) => this.#reopen([id]), (id) => this.#beside(id));
    this.side = h("div.left", {}, h("p.soft", {}, "Connecting …"), this.history.element);
  }

  async begin() {
    try {
      const catalog = await this.client.catalog();
      this.form = new AskForm(catalog, (requests) => this.#ask(requests));
      this.side.firstChild.replaceWith(this.form.element);
      await this.#list();
      await this.#restore();
    } catch (error) {
      this.side.prepend(h("p.problem", { role: "alert" }, `The server cannot be used: ${error.message}`));
    }
  }

  async #ask(requests) {
    const searches = [];
    try {
      for (const request of requests) searches.push(await this.client.create(request));
    } catch (error) {
      await Promise.allSettled(searches.map(({ id }) => this.client.cancel(id)));
      this.#list();
      throw error;
    }
    this.open(searches);
  }

  /** The searches that the address names. */
  async #restore() {
    const ids = location.hash.slice(1).split("+").filter(Boolean);
    if (ids.length) await this.#reopen(ids);
  }

  async #reopen(ids) {
    try {
      this.open(await Promise.all(ids.map(this.client.search)));
    } catch (error) {
      this.form.say(error.message);
    }
  }

  #beside(id) {
    const first = this.sessions.get(this.stage.active)?.search;
    return this.#reopen(first ? [first.id, id] : [id]);
  }

  /** Put searches on the stage and follow their events; those that were there are left. */
  open(searches) {
    for (const session of this.sessions.values()) session.leave.abort();
    this.sessions.clear();
    const panes = searches.map((search) => this.#session(search));
    this.stage.show(panes);
    for (const pane of panes) this.#follow(pane);
    history.replaceState(null, "", `#${searches.map((search) => search.id).join("+")}`);
    if (this.form && searches.length) this.form.question.value ||= questionText(searches[0].question);
    this.#list();
  }

  #session(search) {
    const actions = (one, status) => this.#buttons(one, status);
    const pane = new Pane({ title: search.strategy, onSelect: (one) => this.stage.read(one), actions });
    const onReply = (reply) => this.client.steer(search.id, reply);
    const panel = new SteeringPanel({ onSelect: (id) => pane.view.select(id), onReply });
    panel.onChange = () => this.stage.read(pane);
    this.sessions.set(pane, { search, panel, last: null, leave: new AbortController() });
    pane.model = search.model;
    pane.live = true;
    for (const touch of ["pointerdown", "focusin"]) pane.element.addEventListener(touch, () => this.stage.read(pane, true));
    return pane;
  }

  async #follow(pane) {
    const session = this.sessions.get(pane);
    const { search, leave } = session;
    const take = (event) => {
      pane.push(event);
      if (["its.human_requested", "its.ended"].includes(event.type)) this.#list();
    };
    try {
      session.last = await this.client.follow(search.id, session.last, take, leave.signal);
    } catch (error) {
      pane.fail(error.message);
    }
  }

  #buttons(pane, status) {
    const { id } = this.sessions.get(pane)?.search ?? {};
    const button = (name, act) => h("button.small", { type: "button", onclick: () => this.#act(pane, act) }, name);
    if (["running", "waiting"].includes(status)) return [button("Cancel", () => this.client.cancel(id))];
    if (!["failed", "cancelled"].includes(status)) return [];
    return [button("Resume", async () => {
      await this.client.resume(id);
      this.#follow(pane);
    })];
  }

  async #act(pane, act) {
    try {
      await act();
      pane.fail(null);
    } catch (error) {
      pane.fail(error.message);
    }
  }

  /** List the searches anew. Without a server the list stays as it is: whoever acts or watches hears why. */
  async #list() {
    const seen = [...this.sessions.values()].map((session) => session.search.id);
    const searches = await this.client.searches().catch(() => null);
    if (searches !== null) this.history.show(searches, seen);
  }
}
