/** The colors of the drawing, read from the style sheet, so that light and dark are defined in one place. */

const NAMES = ["surface", "text", "muted", "border", "edge", "faint", "accent", "danger", "person", "unscored"];
const STOPS = ["score-low", "score-middle", "score-high"];

/** Return the current colors; `ramp` has those of the lowest, a middle and the highest score. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ...Object.fromEntries(NAMES.map((name) => [name, read(name)])), ramp: STOPS.map((name) => rgb(read(name))) };
}

/** Return the color of a score; `low` and `high` are the ends of the scale. */
export function scoreColor(colors, score, [low, high]) {
  if (score === null) return colors.unscored;
  const position = high > low ? Math.min(1, Math.max(0, (score - low) / (high - low))) : 1;
  const [from, to] = position < 0.5 ? colors.ramp.slice(0, 2) : colors.ramp.slice(1);
  const share = position < 0.5 ? position * 2 : position * 2 - 1;
  return `rgb(${from.map((channel, index) => Math.round(channel + (to[index] - channel) * share)).join(" ")})`;
}

/** Return the ends of the scale: 0 and 1, unless scores are outside. */
export function scoreScale(state) {
  const values = Object.values(state.scores).flatMap((score) => score.value ?? []);
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 1]);
}

function rgb(hex) {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}
