/** Draws a laid-out tree on a canvas: the nearer one looks, the more is written. */

import { edges } from "./edges.js";
import { fontSize, labelOf } from "./labels.js";
import { HEADER, RADIUS } from "./measures.js";
import { scoreColour } from "./palette.js";
import { mark } from "./shapes.js";
import { ROOT } from "./tree.js";

const SMALLEST_MARK = 1.6;
const PROBE = 100;
const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace';
const SANS = 'Inter, system-ui, "Segoe UI", sans-serif';

/** Return the width of a character of a label by the size of its font. */
export function charRatio(pen) {
  pen.font = `${PROBE}px ${MONO}`;
  return pen.measureText("0").width / PROBE;
}

/**
 * Draw one frame.
 *
 * @param scene {tree, places, columns, blocks, labelled, spot, camera, colours, scale, width, height, selected, hovered,
 *   focused, charRatio}; `spot` tells where on the screen a node is now, which differs from its place while it moves
 */
export function paint(pen, scene) {
  const { width, height } = scene;
  pen.clearRect(0, 0, width, height);
  edges(pen, scene);
  const seen = visible(scene);
  for (const [id, x, y] of seen) node(pen, scene, id, x, y);
  for (const [id, x, y] of seen) label(pen, scene, id, x, y);
  header(pen, scene);
}

/** The nodes in sight, or whose labels are: [id, x, y] on the screen. */
function visible({ camera, places, spot, width, height }) {
  const label = 320 * camera.k;
  const seen = [];
  for (const id of places.keys()) {
    const [x, y] = spot(id);
    if (x > -label && x < width + 20 && y > -20 && y < height + 20) seen.push([id, x, y]);
  }
  return seen;
}

function node(pen, scene, id, x, y) {
  const { tree, colours, camera, scale } = scene;
  const role = tree.role(id);
  const r = Math.max(RADIUS * camera.k, SMALLEST_MARK);
  if (id === scene.selected || id === scene.hovered) halo(pen, scene, id, x, y, r);
  pen.globalAlpha = ["cut", "truncated"].includes(role) ? 0.75 : 1;
  mark(pen, role, x, y, r, scoreColour(colours, tree.score(id), scale), colours);
  pen.globalAlpha = 1;
}

function halo(pen, { tree, selected, focused, colours }, id, x, y, r) {
  pen.beginPath();
  pen.arc(x, y, r + (id === tree.winner ? 7 : 4.5), 0, 2 * Math.PI);
  pen.strokeStyle = id === selected ? colours.accent : colours.muted;
  pen.lineWidth = id === selected && focused ? 2.5 : 1.5;
  pen.stroke();
}

function label(pen, scene, id, x, y) {
  const written = labelOf(scene, id);
  if (written === null) return;
  const { tree, colours, camera } = scene;
  const won = id === tree.winner;
  const write = (said, left, weight) => {
    pen.font = `${weight} ${fontSize(camera)}px ${MONO}`;
    pen.fillText(said, x + left, y);
  };
  pen.textBaseline = "middle";
  pen.fillStyle = id === ROOT || tree.dead(id) ? colours.muted : colours.ink;
  write(written.score, written.left, won ? 700 : 600);
  write(written.text, written.textLeft, won ? 700 : 400);
}

/** The names of the columns, which stay in sight. */
function header(pen, { tree, columns, camera, colours, width }) {
  pen.fillStyle = colours.paper;
  pen.globalAlpha = 0.92;
  pen.fillRect(0, 0, width, HEADER - 4);
  pen.globalAlpha = 1;
  pen.font = `600 11px ${SANS}`;
  pen.textBaseline = "middle";
  pen.fillStyle = colours.muted;
  const unit = tree.stepwise ? "step" : "round";
  let free = 0;
  columns.forEach((column, depth) => {
    const x = column.x * camera.across + camera.x - RADIUS * camera.k;
    const title = tree.stepwise || columns.length > 2 ? `${unit} ${depth}` : "solutions";
    if (depth === 0 || x < free || x > width) return;
    pen.fillText(title, x, HEADER / 2 - 2);
    free = x + pen.measureText(title).width + 18;
  });
  pen.fillStyle = colours.hairline;
  pen.fillRect(0, HEADER - 4, width, 1);
}
