/**
 * Where everything stands: depth runs to the right in columns, siblings downwards, by the tidy tree layout of d3.
 *
 * A long run of leaves with one parent (2,000 samples, say) becomes a block of several columns of small marks.
 */

import { ROW } from "./measures.js";
import { ROOT } from "./tree.js";

const CELL = 15;
const LONGEST_RUN = 40;
const CHAR = 6.6;
const MARK_ROOM = 72;
const SCORE_CHARS = 5;
const [NARROWEST, WIDEST] = [84, 300];

/**
 * Return {places, columns, blocks, bounds}.
 *
 * places: id -> {x, dx, y, depth, packed}, `dx` inside a column; columns: [{x, width, ids from top to bottom}];
 * blocks: [{parent, x, y}], where a line leads to leaves that stand together.
 */
export function layout(tree) {
  const root = globalThis.d3.hierarchy({ id: ROOT }, (item) => branches(tree, item));
  globalThis.d3.tree().nodeSize([ROW, 1]).separation(apart)(root);
  const items = root.descendants();
  const columns = columnsOf(tree, items);
  const places = new Map();
  for (const item of items) {
    const column = columns[item.depth];
    const alone = [[item.data.id, { x: column.x, dx: 0, y: item.x, packed: false }]];
    const spots = item.data.pack ? packed(item, column.x) : alone;
    for (const [id, spot] of spots) places.set(id, { ...spot, depth: item.depth });
  }
  for (const [id, place] of places) columns[place.depth].ids.push(id);
  const downwards = (a, b) => places.get(a).y - places.get(b).y || places.get(a).dx - places.get(b).dx;
  for (const column of columns) column.ids.sort(downwards);
  const blocks = items.filter((item) => item.data.pack);
  return {
    places,
    columns,
    blocks: blocks.map((item) => ({ parent: item.parent.data.id, x: columns[item.depth].x, y: item.x })),
    bounds: boundsOf(places, columns),
  };
}

function branches(tree, item) {
  if (item.pack) return [];
  const below = tree.children.get(item.id);
  const leaves = below.filter((id) => tree.children.get(id).length === 0);
  if (leaves.length <= LONGEST_RUN) return below.map((id) => ({ id }));
  const alone = new Set(leaves);
  const others = below.filter((id) => !alone.has(id)).map((id) => ({ id }));
  return [...others, { pack: leaves, across: across(leaves.length) }];
}

/** A block a little taller than it is wide. */
function across(count) {
  return Math.max(2, Math.ceil(Math.sqrt(count * 0.8)));
}

function rows(data) {
  return data.pack ? (Math.ceil(data.pack.length / data.across) * CELL) / ROW : 1;
}

function apart(a, b) {
  return (rows(a.data) + rows(b.data)) / 2 + (a.parent === b.parent ? 0 : 0.4);
}

function packed(item, x) {
  const { pack, across } = item.data;
  const top = item.x - (rows(item.data) * ROW - CELL) / 2;
  return pack.map((id, index) => {
    const [row, cell] = [Math.floor(index / across), index % across];
    return [id, { x, dx: cell * CELL, y: top + row * CELL, packed: true }];
  });
}

/** A column is as wide as what stands in it wants, within bounds. */
function columnsOf(tree, items) {
  const columns = [];
  for (const { depth, data } of items) {
    columns[depth] ??= { x: 0, width: NARROWEST, ids: [] };
    const wanted = data.pack ? data.across * CELL : (tree.label(data.id).length + SCORE_CHARS) * CHAR;
    const most = data.pack ? Infinity : WIDEST;
    columns[depth].width = Math.max(columns[depth].width, Math.min(most, wanted + MARK_ROOM));
  }
  columns.forEach((column, depth) => {
    column.x = depth ? columns[depth - 1].x + columns[depth - 1].width : 0;
  });
  return columns;
}

function boundsOf(places, columns) {
  const heights = [...places.values()].map((place) => place.y);
  const last = columns.at(-1);
  const top = heights.reduce((least, y) => Math.min(least, y), 0);
  const bottom = heights.reduce((most, y) => Math.max(most, y), 0);
  return { left: -14, right: last.x + last.width - 14, top: top - ROW, bottom: bottom + ROW };
}
