/** Numbers and reasons as people read them. */

const STOPPED = {
  completed: "ran to its end",
  budget: "stopped: its budget was spent",
  interrupted: "stopped: it was interrupted",
  steered: "stopped: a person told it to",
};
const ACRONYMS = /\b(ab|cot|dvts|mcts|pdr)\b/g;
const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]];

/** Return a score with two decimals; a dash where there is none. */
export function scoreText(score) {
  return score === null || score === undefined ? "–" : score.toFixed(2);
}

/** Return a count in few characters: 950, 9,870, 12.3k, 4.56M. */
export function count(number) {
  const [size, prefix] = PREFIXES.find(([least]) => number >= least) ?? [1, ""];
  if (!prefix) return Math.round(number).toLocaleString("en-US");
  const scaled = number / (prefix === "k" ? 1e3 : size);
  return `${scaled.toPrecision(3)}${prefix}`;
}

/** Return seconds with the digits that matter. */
function seconds(number) {
  if (number < 60) return `${number.toFixed(number < 10 ? 1 : 0)} s`;
  return `${Math.floor(number / 60)} min ${Math.round(number % 60)} s`;
}

/** Return a measured quantity of a spend. */
export function quantity(name, number) {
  return name === "seconds" ? seconds(number) : count(number);
}

/** Return how a search came to its end. */
export function stopText(reason) {
  return STOPPED[reason] ?? `stopped: ${words(reason)}`;
}

/** Return a name of the library as words. */
export function words(name) {
  return name.replaceAll("_", " ").replace(ACRONYMS, (found) => found.toUpperCase());
}

/** Return `text` cut to `length` characters. */
export function shorten(text, length) {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
}

/** Return what a question's last message says, content blocks included. */
export function questionText(messages) {
  const content = messages?.at(-1)?.content ?? "";
  return typeof content === "string" ? content : content.map((block) => block.text ?? "").join("\n");
}
