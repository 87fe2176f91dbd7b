/** The colours of the drawing, read from the style sheet so that light and dark are decided in one place. */

const NAMES = ["paper", "ink", "muted", "hairline", "edge", "faint", "accent", "danger", "person", "unscored"];
const STOPS = ["score-low", "score-middle", "score-high"];

/** Return the colours that hold now; `ramp` are those of the lowest, a middling and the highest score. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ...Object.fromEntries(NAMES.map((name) => [name, read(name)])), ramp: STOPS.map((name) => rgb(read(name))) };
}

/** Return the colour of a score; `low` and `high` are the ends of the scale. */
export function scoreColour(colours, score, [low, high]) {
  if (score === null) return colours.unscored;
  const part = high > low ? Math.min(1, Math.max(0, (score - low) / (high - low))) : 1;
  const [from, to] = part < 0.5 ? colours.ramp.slice(0, 2) : colours.ramp.slice(1);
  const share = part < 0.5 ? part * 2 : part * 2 - 1;
  return `rgb(${from.map((channel, index) => Math.round(channel + (to[index] - channel) * share)).join(" ")})`;
}

/** Return the ends of the scale: 0 and 1, unless scores lie outside. */
export function scaleOf(state) {
  const values = Object.values(state.scores).flatMap((score) => score.value ?? []);
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 1]);
}

function rgb(hex) {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}
