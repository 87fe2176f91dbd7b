/** The lines of the tree: from the end of a parent's label to its child. */

import { RADIUS } from "./dimensions.js";
import { labelOf } from "./labels.js";
import { ROOT } from "./tree.js";

const BEND = 62;
const ARC_HEIGHT = 30;
const LABEL_DISTANCE = 5;
const MAX_SOURCE_LINES = 160;

/** Draw all lines. Lines of the same style are one path: a few strokes instead of thousands. */
export function drawEdges(context, scene) {
  const styles = { faint: [], edge: [], auxiliary: [], winning: [] };
  for (const [id, position] of scene.positions) {
    if (id !== ROOT && (!position.packed || scene.tree.winningPath.has(id))) styles[styleOf(scene.tree, id)].push(id);
  }
  const { colors, camera } = scene;
  const thin = Math.max(0.4, Math.min(1, camera.k * 2));
  drawLines(context, scene, styles.faint, colors.faint, thin);
  for (const block of scene.blocks) drawBlockLine(context, scene, block);
  drawLines(context, scene, styles.edge, colors.edge, 1.2 * thin);
  context.setLineDash([3, 3]);
  drawLines(context, scene, styles.auxiliary, colors.edge, 1);
  context.setLineDash([]);
  drawSourceLines(context, scene);
  drawLines(context, scene, styles.winning, colors.accent, 2.4);
}

function styleOf(tree, id) {
  if (tree.winningPath.has(id)) return "winning";
  if (tree.isAuxiliary(id)) return "auxiliary";
  return tree.isDiscarded(id) ? "faint" : "edge";
}

function drawLines(context, scene, ids, color, width) {
  context.beginPath();
  for (const id of ids) addCurve(context, scene, scene.tree.parents.get(id), scene.screenPosition(id));
  context.strokeStyle = color;
  context.lineWidth = width;
  context.stroke();
}

function addCurve(context, scene, from, [toX, toY]) {
  const { k } = scene.camera;
  const [fromX, y] = scene.screenPosition(from);
  const x = fromX + startOffset(scene, from);
  const end = toX - (RADIUS + 2) * k;
  const bend = Math.max(x, Math.min(end, toX - BEND * Math.max(k, 0.4)));
  const middle = (bend + end) / 2;
  context.moveTo(x, y);
  context.lineTo(bend, y);
  context.bezierCurveTo(middle, y, middle, toY, end, toY);
}

/** Return how far right of its node a line starts: after the label, if there is one. */
function startOffset(scene, id) {
  const label = labelOf(scene, id);
  return label === null ? RADIUS * scene.camera.k : label.left + label.width + LABEL_DISTANCE;
}

/** A block of leaves has one line. */
function drawBlockLine(context, scene, { parent, x, y }) {
  context.beginPath();
  addCurve(context, scene, parent, scene.camera.toScreen({ x, dx: -4, y }));
  context.strokeStyle = scene.colors.edge;
  context.lineWidth = 1.2;
  context.stroke();
}

/** Lines from the other solutions that a step was generated from; with many of them, only for the selected step. */
function drawSourceLines(context, scene) {
  const { tree, selected } = scene;
  const derived = Object.keys(tree.steps).filter((id) => tree.steps[id].sources);
  const lineCount = derived.reduce((total, id) => total + tree.steps[id].sources.length, 0);
  context.setLineDash([2, 4]);
  for (const id of lineCount > MAX_SOURCE_LINES ? derived.filter((step) => step === selected) : derived) {
    const isOther = (source) => source !== tree.parents.get(id) && scene.positions.has(source);
    for (const source of tree.steps[id].sources.filter(isOther)) drawSourceLine(context, scene, source, id);
  }
  context.setLineDash([]);
}

function drawSourceLine(context, scene, from, id) {
  const { colors, camera, screenPosition, selected } = scene;
  const [[fromX, fromY], [x, y]] = [screenPosition(from), screenPosition(id)];
  context.beginPath();
  if (Math.abs(fromY - y) > 2) addCurve(context, scene, from, [x, y]);
  else addArc(context, fromX, x, y - RADIUS * camera.k, ARC_HEIGHT * camera.k);
  context.strokeStyle = id === selected ? colors.accent : colors.edge;
  context.lineWidth = 1;
  context.stroke();
}

/** Add an arc over the nodes between two nodes of one row. */
function addArc(context, fromX, toX, y, height) {
  context.moveTo(fromX, y);
  context.bezierCurveTo(fromX + height, y - height, toX - height, y - height, toX, y);
}
