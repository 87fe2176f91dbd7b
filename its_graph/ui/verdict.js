/** The answer of a search, why it stopped, and how the votes fell. */

import { h, refill } from "./dom.js";
import { count, scoreText, shorten, stopText } from "./wording.js";

const MOST_VOTES = 4;
const LONGEST_TEXT = 80;

export class Verdict {
  constructor() {
    this.element = h("div.verdict", { "aria-live": "polite" });
  }

  /** @param unanswered what to say of a search that has no answer yet */
  show({ state, result }, unanswered) {
    this.element.classList.toggle("open", result === null);
    const open = state.stop_reason ? stopText(state.stop_reason) : unanswered;
    refill(this.element, [result, open], () => (result === null ? h("span.soft", {}, open) : answered(result)));
  }
}

function answered(result) {
  const text = result.text === null ? "none" : shorten(result.text.replace(/\s+/g, " ").trim(), LONGEST_TEXT);
  return [
    h("span.soft", {}, "Answer"),
    h(`strong.answer${result.answer === null ? ".unread" : ""}`, {}, result.answer ?? text),
    h("span.soft.reason", {}, stopText(result.stop_reason)),
    votes(result.votes),
  ];
}

function votes(all) {
  if (!all.length) return null;
  const total = all.reduce((sum, { weight }) => sum + (weight ?? 0), 0) || 1;
  const shown = all.slice(0, MOST_VOTES).map((vote) => one(vote, (vote.weight ?? total) / total));
  const rest = all.length > MOST_VOTES ? h("span.soft", {}, `and ${all.length - MOST_VOTES} more`) : null;
  return h("span.votes", { role: "list", "aria-label": "Votes" }, shown, rest);
}

function one(vote, share) {
  const bar = h("span.fill");
  bar.style.width = `${Math.round(share * 100)}%`;
  const text = `${shorten(String(vote.answer), 24)} ×${count(vote.count)}`;
  return h("span.vote", { role: "listitem", title: `weight ${scoreText(vote.weight)}` }, text, h("span.bar", {}, bar));
}
