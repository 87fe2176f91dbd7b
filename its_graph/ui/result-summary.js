/** The answer of a search, the reason it stopped, and the votes. */

import { h, updateContents } from "./dom.js";
import { formatCount, formatScore, stopReasonText, truncate } from "./format.js";

const MAX_VOTES = 4;
const MAX_TEXT = 80;

export class ResultSummary {
  constructor() {
    this.element = h("div.result-summary", { "aria-live": "polite" });
  }

  /** @param noAnswer text to show while the search has no answer */
  show({ state, result }, noAnswer) {
    this.element.classList.toggle("pending", result === null);
    const pendingText = state.stop_reason ? stopReasonText(state.stop_reason) : noAnswer;
    const contents = () => (result === null ? h("span.muted", {}, pendingText) : answerParts(result));
    updateContents(this.element, [result, pendingText], contents);
  }
}

function answerParts(result) {
  const text = result.text === null ? "none" : truncate(result.text.replace(/\s+/g, " ").trim(), MAX_TEXT);
  return [
    h("span.muted", {}, "Answer"),
    h(`strong.answer${result.answer === null ? ".unparsed" : ""}`, {}, result.answer ?? text),
    h("span.muted.stop-reason", {}, stopReasonText(result.stop_reason)),
    voteList(result.votes),
  ];
}

function voteList(votes) {
  if (!votes.length) return null;
  const total = votes.reduce((sum, { weight }) => sum + (weight ?? 0), 0) || 1;
  const items = votes.slice(0, MAX_VOTES).map((vote) => voteItem(vote, (vote.weight ?? total) / total));
  const more = votes.length > MAX_VOTES ? h("span.muted", {}, `and ${votes.length - MAX_VOTES} more`) : null;
  return h("span.votes", { role: "list", "aria-label": "Votes" }, items, more);
}

function voteItem(vote, share) {
  const fill = h("span.fill");
  fill.style.width = `${Math.round(share * 100)}%`;
  const text = `${truncate(String(vote.answer), 24)} ×${formatCount(vote.count)}`;
  const title = `weight ${formatScore(vote.weight)}`;
  return h("span.vote", { role: "listitem", title }, text, h("span.bar", {}, fill));
}
