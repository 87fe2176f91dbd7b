/** The page of a server: start, watch, steer, cancel, resume and compare searches. */

import { ApiClient } from "./api-client.js";
import { askForApiKey } from "./api-key-dialog.js";
import { h } from "./dom.js";
import { questionText } from "./format.js";
import { MainView } from "./main-view.js";
import { SearchForm } from "./search-form.js";
import { SearchHistory } from "./search-history.js";
import { SearchPane } from "./search-pane.js";
import { SteeringPanel } from "./steering-panel.js";

/** Return the main view, and the sidebar with the form and the list of searches. */
export function livePage() {
  const page = new LivePage();
  page.load();
  return { mainView: page.mainView, tools: [], sidebar: [page.sidebar] };
}

class LivePage {
  constructor() {
    this.client = new ApiClient(askForApiKey);
    this.sessions = new Map();
    const steeringPanelOf = (pane) => this.sessions.get(pane)?.panel ?? null;
    this.mainView = new MainView({ steeringPanelOf, placeholder: "Enter a question to start a search." });
    this.history = new SearchHistory((id) => this.#open([id]), (id) => this.#compare(id));
    this.sidebar = h("div.sidebar", {}, h("p.muted", {}, "Connecting…"), this.history.element);
  }

  async load() {
    try {
      const catalog = await this.client.catalog();
      this.form = new SearchForm(catalog, (requests) => this.#start(requests));
      this.sidebar.firstChild.replaceWith(this.form.element);
      await this.#refreshHistory();
      await this.#openFromAddress();
    } catch (error) {
      this.sidebar.prepend(h("p.error", { role: "alert" }, `Could not load the page: ${error.message}`));
    }
  }

  /** Start all searches or none: if the server rejects one, those already started are cancelled. */
  async #start(requests) {
    const searches = [];
    try {
      for (const request of requests) searches.push(await this.client.start(request));
    } catch (error) {
      await Promise.allSettled(searches.map(({ id }) => this.client.cancel(id)));
      this.#refreshHistory();
      throw error;
    }
    this.show(searches);
  }

  /** Open the searches that the URL's fragment names. */
  async #openFromAddress() {
    const ids = location.hash.slice(1).split("+").filter(Boolean);
    if (ids.length) await this.#open(ids);
  }

  async #open(ids) {
    try {
      this.show(await Promise.all(ids.map(this.client.search)));
    } catch (error) {
      this.form.showError(error.message);
    }
  }

  #compare(id) {
    const active = this.sessions.get(this.mainView.active)?.search;
    return this.#open(active ? [active.id, id] : [id]);
  }

  /** Show searches and follow their events, in place of those shown before. */
  show(searches) {
    for (const session of this.sessions.values()) session.abort.abort();
    this.sessions.clear();
    const panes = searches.map((search) => this.#createPane(search));
    this.mainView.show(panes);
    for (const pane of panes) this.#follow(pane);
    history.replaceState(null, "", `#${searches.map((search) => search.id).join("+")}`);
    if (this.form && searches.length) this.form.question.value ||= questionText(searches[0].question);
    this.#refreshHistory();
  }

  #createPane(search) {
    const pane = new SearchPane({
      title: search.strategy,
      onSelect: (changed) => this.mainView.showDetails(changed),
      buttonsFor: (owner, status) => this.#buttons(owner, status),
    });
    const panel = new SteeringPanel({
      onSelect: (id) => pane.treeView.select(id),
      onReply: (reply) => this.client.steer(search.id, reply),
      onChange: () => this.mainView.showDetails(pane),
    });
    this.sessions.set(pane, { search, panel, lastEventId: null, abort: new AbortController() });
    pane.model = search.model;
    pane.live = true;
    this.mainView.activateOnTouch(pane);
    return pane;
  }

  async #follow(pane) {
    const session = this.sessions.get(pane);
    const { search, abort } = session;
    const onEvent = (event) => {
      pane.push(event);
      if (["its.human_requested", "its.ended"].includes(event.type)) this.#refreshHistory();
    };
    try {
      session.lastEventId = await this.client.follow(search.id, session.lastEventId, onEvent, abort.signal);
    } catch (error) {
      pane.showError(error.message);
    }
  }

  #buttons(pane, status) {
    const { id } = this.sessions.get(pane)?.search ?? {};
    const button = (label, act) => h("button.small", { type: "button", onclick: () => this.#run(pane, act) }, label);
    if (["running", "waiting"].includes(status)) return [button("Cancel", () => this.client.cancel(id))];
    if (!["failed", "cancelled"].includes(status)) return [];
    return [button("Resume", async () => {
      await this.client.resume(id);
      this.#follow(pane);
    })];
  }

  async #run(pane, act) {
    try {
      await act();
      pane.showError(null);
    } catch (error) {
      pane.showError(error.message);
    }
  }

  /** Reload the list of searches. If the server is unreachable the list stays: other requests show the error. */
  async #refreshHistory() {
    const shownIds = [...this.sessions.values()].map((session) => session.search.id);
    const searches = await this.client.searches().catch(() => null);
    if (searches !== null) this.history.show(searches, shownIds);
  }
}
