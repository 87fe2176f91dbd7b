/** Paints a laid-out tree on a canvas, with more text the closer the zoom. */

import { HEADER, RADIUS } from "./dimensions.js";
import { drawEdges } from "./edges.js";
import { fontSize, labelOf } from "./labels.js";
import { scoreColor } from "./palette.js";
import { drawNode } from "./shapes.js";
import { ROOT } from "./tree.js";

const MIN_RADIUS = 1.6;
const SAMPLE_FONT = 100;
const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace';
const SANS = 'Inter, system-ui, "Segoe UI", sans-serif';

/** Return the width of a character of a label relative to its font size. */
export function measureCharRatio(context) {
  context.font = `${SAMPLE_FONT}px ${MONO}`;
  return context.measureText("0").width / SAMPLE_FONT;
}

/**
 * Paint one frame.
 *
 * @param scene {tree, positions, columns, blocks, labeled, screenPosition, camera, colors, scale, width, height,
 *   selected, hovered, focused, charRatio}; `screenPosition` returns where on the screen a node is now, which differs
 *   from its position while it moves
 */
export function paint(context, scene) {
  const { width, height } = scene;
  context.clearRect(0, 0, width, height);
  drawEdges(context, scene);
  const visible = visibleNodes(scene);
  for (const [id, x, y] of visible) paintNode(context, scene, id, x, y);
  for (const [id, x, y] of visible) paintLabel(context, scene, id, x, y);
  paintColumnTitles(context, scene);
}

/** Return the nodes that are visible, or whose labels are: [id, x, y] on the screen. */
function visibleNodes({ camera, positions, screenPosition, width, height }) {
  const labelWidth = 320 * camera.k;
  const visible = [];
  for (const id of positions.keys()) {
    const [x, y] = screenPosition(id);
    if (x > -labelWidth && x < width + 20 && y > -20 && y < height + 20) visible.push([id, x, y]);
  }
  return visible;
}

function paintNode(context, scene, id, x, y) {
  const { tree, colors, camera, scale } = scene;
  const role = tree.role(id);
  const r = Math.max(RADIUS * camera.k, MIN_RADIUS);
  if (id === scene.selected || id === scene.hovered) paintHighlight(context, scene, id, x, y, r);
  context.globalAlpha = ["cut", "truncated"].includes(role) ? 0.75 : 1;
  drawNode(context, role, x, y, r, scoreColor(colors, tree.score(id), scale), colors);
  context.globalAlpha = 1;
}

function paintHighlight(context, { tree, selected, focused, colors }, id, x, y, r) {
  context.beginPath();
  context.arc(x, y, r + (id === tree.winner ? 7 : 4.5), 0, 2 * Math.PI);
  context.strokeStyle = id === selected ? colors.accent : colors.muted;
  context.lineWidth = id === selected && focused ? 2.5 : 1.5;
  context.stroke();
}

function paintLabel(context, scene, id, x, y) {
  const label = labelOf(scene, id);
  if (label === null) return;
  const { tree, colors, camera } = scene;
  const isWinner = id === tree.winner;
  const write = (text, left, weight) => {
    context.font = `${weight} ${fontSize(camera)}px ${MONO}`;
    context.fillText(text, x + left, y);
  };
  context.textBaseline = "middle";
  context.fillStyle = id === ROOT || tree.isDiscarded(id) ? colors.muted : colors.text;
  write(label.score, label.left, isWinner ? 700 : 600);
  write(label.text, label.textLeft, isWinner ? 700 : 400);
}

/** Paint the column titles, which stay visible while panning. */
function paintColumnTitles(context, { tree, columns, camera, colors, width }) {
  context.fillStyle = colors.surface;
  context.globalAlpha = 0.92;
  context.fillRect(0, 0, width, HEADER - 4);
  context.globalAlpha = 1;
  context.font = `600 11px ${SANS}`;
  context.textBaseline = "middle";
  context.fillStyle = colors.muted;
  const unit = tree.stepwise ? "step" : "round";
  let minX = 0;
  columns.forEach((column, depth) => {
    const x = column.x * camera.columnScale + camera.x - RADIUS * camera.k;
    const title = tree.stepwise || columns.length > 2 ? `${unit} ${depth}` : "solutions";
    if (depth === 0 || x < minX || x > width) return;
    context.fillText(title, x, HEADER / 2 - 2);
    minX = x + context.measureText(title).width + 18;
  });
  context.fillStyle = colors.border;
  context.fillRect(0, HEADER - 4, width, 1);
}
