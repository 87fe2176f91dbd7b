/** Numbers, names and reasons as display text. */

const STOP_REASONS = {
  completed: "completed",
  budget: "stopped: budget exhausted",
  interrupted: "stopped: interrupted",
  steered: "stopped by a person",
};
const ACRONYMS = /\b(ab|cot|dvts|mcts|pdr)\b/g;
const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]];

/** Return a score with two decimals; a dash if it is missing. */
export function formatScore(score) {
  return score === null || score === undefined ? "–" : score.toFixed(2);
}

/** Return a count in few characters: 950, 9,870, 12.3k, 4.56M. */
export function formatCount(number) {
  const [size, prefix] = PREFIXES.find(([least]) => number >= least) ?? [1, ""];
  if (!prefix) return Math.round(number).toLocaleString("en-US");
  const scaled = number / (prefix === "k" ? 1e3 : size);
  return `${scaled.toPrecision(3)}${prefix}`;
}

/** Return seconds with the significant digits. */
function formatSeconds(number) {
  if (number < 60) return `${number.toFixed(number < 10 ? 1 : 0)} s`;
  return `${Math.floor(number / 60)} min ${Math.round(number % 60)} s`;
}

/** Return one field of a spend. */
export function formatQuantity(name, number) {
  return name === "seconds" ? formatSeconds(number) : formatCount(number);
}

/** Return why a search stopped. */
export function stopReasonText(reason) {
  return STOP_REASONS[reason] ?? `stopped: ${displayName(reason)}`;
}

/** Return an identifier of the library as words. */
export function displayName(name) {
  return name.replaceAll("_", " ").replace(ACRONYMS, (match) => match.toUpperCase());
}

/** Return `text` cut to `length` characters. */
export function truncate(text, length) {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
}

/** Return the text of a question's last message, content blocks included. */
export function questionText(messages) {
  const content = messages?.at(-1)?.content ?? "";
  return typeof content === "string" ? content : content.map((block) => block.text ?? "").join("\n");
}
