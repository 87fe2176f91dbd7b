/** Folds events into the state they describe; mirrors `rebuild` in its_graph/search/events.py. */

const LOG_OF = {
  "its.step_added": ["steps", "step"],
  "its.scored": ["scores", "score"],
  "its.judged": ["judgments", "judgment"],
  "its.failed": ["failures", "failure"],
  "its.charged": ["charges", "charge"],
  "its.steered": ["human_edits", "edit"],
};

/** Return the state before the first event. */
export function emptyState() {
  return { steps: {}, scores: {}, judgments: {}, failures: {}, human_edits: {} };
}

/**
 * Return `state` after one event; unknown events change nothing. The state is changed in place.
 *
 * Ids are integers, and objects list such keys in ascending order: records are in the order of their ids, whatever the
 * order in which they arrive.
 */
export function applyEvent(state, event) {
  if (event.type === "its.search_started") {
    return { ...emptyState(), strategy: event.strategy, question: event.question, settings: event.settings };
  }
  if (Object.hasOwn(LOG_OF, event.type)) {
    const [log, field] = LOG_OF[event.type];
    state[log] ??= {};
    state[log][event.id] = event[field];
  } else if (event.type === "its.selected") {
    state.frontier = event.frontier;
  } else if (event.type === "its.routed") {
    state.route = event.route;
  } else if (event.type === "its.stopped") {
    state.stop_reason = event.reason;
  } else if (event.type === "its.answered") {
    state.answer = event.answer;
    state.result = event.result;
  }
  return state;
}

/** Return the state that `events` describe. */
export function rebuild(events) {
  return events.reduce(applyEvent, emptyState());
}
