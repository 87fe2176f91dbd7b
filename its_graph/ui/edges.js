/** The lines of the tree: from behind a label to the mark of what hangs below it. */

import { labelOf } from "./labels.js";
import { RADIUS } from "./measures.js";
import { ROOT } from "./tree.js";

const BEND = 62;
const BOW = 30;
const BEHIND_LABEL = 5;
const MOST_SOURCES = 160;

/** Draw all lines; those of one look are one path: thousands of strokes become five. */
export function edges(pen, scene) {
  const looks = { faint: [], edge: [], auxiliary: [], winning: [] };
  for (const [id, place] of scene.places) {
    if (id !== ROOT && (!place.packed || scene.tree.winning.has(id))) looks[look(scene.tree, id)].push(id);
  }
  const { colours, camera } = scene;
  const fine = Math.max(0.4, Math.min(1, camera.k * 2));
  strokes(pen, scene, looks.faint, colours.faint, fine);
  for (const block of scene.blocks) intoBlock(pen, scene, block);
  strokes(pen, scene, looks.edge, colours.edge, 1.2 * fine);
  pen.setLineDash([3, 3]);
  strokes(pen, scene, looks.auxiliary, colours.edge, 1);
  pen.setLineDash([]);
  sources(pen, scene);
  strokes(pen, scene, looks.winning, colours.accent, 2.4);
}

function look(tree, id) {
  if (tree.winning.has(id)) return "winning";
  if (tree.isAuxiliary(id)) return "auxiliary";
  return tree.dead(id) ? "faint" : "edge";
}

function strokes(pen, scene, ids, colour, width) {
  pen.beginPath();
  for (const id of ids) curve(pen, scene, scene.tree.parents.get(id), scene.spot(id));
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.stroke();
}

function curve(pen, scene, from, [toX, toY]) {
  const { k } = scene.camera;
  const [fromX, y] = scene.spot(from);
  const x = fromX + gap(scene, from);
  const end = toX - (RADIUS + 2) * k;
  const bend = Math.max(x, Math.min(end, toX - BEND * Math.max(k, 0.4)));
  const middle = (bend + end) / 2;
  pen.moveTo(x, y);
  pen.lineTo(bend, y);
  pen.bezierCurveTo(middle, y, middle, toY, end, toY);
}

/** How far right of its mark a line begins: behind the label, where there is one. */
function gap(scene, id) {
  const label = labelOf(scene, id);
  return label === null ? RADIUS * scene.camera.k : label.left + label.width + BEHIND_LABEL;
}

/** A block of leaves hangs on one line. */
function intoBlock(pen, scene, { parent, x, y }) {
  pen.beginPath();
  curve(pen, scene, parent, scene.camera.screen({ x, dx: -4, y }));
  pen.strokeStyle = scene.colours.edge;
  pen.lineWidth = 1.2;
  pen.stroke();
}

/** Solutions that a step was written from, beside the one that it hangs below; only the selected one's, if many. */
function sources(pen, scene) {
  const { tree, selected } = scene;
  const written = Object.keys(tree.steps).filter((id) => tree.steps[id].sources);
  const links = written.reduce((total, id) => total + tree.steps[id].sources.length, 0);
  pen.setLineDash([2, 4]);
  for (const id of links > MOST_SOURCES ? written.filter((one) => one === selected) : written) {
    const further = tree.steps[id].sources.filter((one) => one !== tree.parents.get(id) && scene.places.has(one));
    for (const from of further) sourceLine(pen, scene, from, id);
  }
  pen.setLineDash([]);
}

function sourceLine(pen, scene, from, id) {
  const { colours, camera, spot, selected } = scene;
  const [[fromX, fromY], [x, y]] = [spot(from), spot(id)];
  pen.beginPath();
  if (Math.abs(fromY - y) > 2) curve(pen, scene, from, [x, y]);
  else bow(pen, fromX, x, y - RADIUS * camera.k, BOW * camera.k);
  pen.strokeStyle = id === selected ? colours.accent : colours.edge;
  pen.lineWidth = 1;
  pen.stroke();
}

/** Over the nodes that stand between two of one row. */
function bow(pen, fromX, toX, y, height) {
  pen.moveTo(fromX, y);
  pen.bezierCurveTo(fromX + height, y - height, toX - height, y - height, toX, y);
}
