/**
 * Positions of all nodes: depth grows to the right in columns, siblings downward, by d3's tidy tree layout.
 *
 * Many leaves of one parent (2,000 samples, say) become a block of several columns of small nodes.
 */

import { ROW } from "./dimensions.js";
import { ROOT } from "./tree.js";

const CELL = 15;
const MAX_SINGLE_LEAVES = 40;
const CHAR_WIDTH = 6.6;
const NODE_ROOM = 72;
const SCORE_CHARS = 5;
const [MIN_WIDTH, MAX_WIDTH] = [84, 300];

/**
 * Return {positions, columns, blocks, bounds}.
 *
 * positions: id -> {x, dx, y, depth, packed}, with `dx` inside the column; columns: [{x, width, ids from top to bottom}];
 * blocks: [{parent, x, y}], the end of the line that leads to a block of leaves.
 */
export function treeLayout(tree) {
  const root = globalThis.d3.hierarchy({ id: ROOT }, (item) => childItems(tree, item));
  globalThis.d3.tree().nodeSize([ROW, 1]).separation(separation)(root);
  const items = root.descendants();
  const columns = columnsOf(tree, items);
  const positions = positionsOf(items, columns);
  for (const [id, { depth }] of positions) columns[depth].ids.push(id);
  const downward = (a, b) => positions.get(a).y - positions.get(b).y || positions.get(a).dx - positions.get(b).dx;
  for (const column of columns) column.ids.sort(downward);
  const blocks = items.filter((item) => item.data.leaves);
  return {
    positions,
    columns,
    blocks: blocks.map((item) => ({ parent: item.parent.data.id, x: columns[item.depth].x, y: item.x })),
    bounds: boundsOf(positions, columns),
  };
}

/** Return the children of a layout item: nodes {id}, or a block {leaves, across} of `across` columns. */
function childItems(tree, item) {
  if (item.leaves) return [];
  const children = tree.children.get(item.id);
  const leaves = children.filter((id) => tree.children.get(id).length === 0);
  if (leaves.length <= MAX_SINGLE_LEAVES) return children.map((id) => ({ id }));
  const leafIds = new Set(leaves);
  const inner = children.filter((id) => !leafIds.has(id)).map((id) => ({ id }));
  return [...inner, { leaves, across: blockColumns(leaves.length) }];
}

/** A block is a little taller than it is wide. */
function blockColumns(count) {
  return Math.max(2, Math.ceil(Math.sqrt(count * 0.8)));
}

function rowsOf(data) {
  return data.leaves ? (Math.ceil(data.leaves.length / data.across) * CELL) / ROW : 1;
}

function separation(a, b) {
  return (rowsOf(a.data) + rowsOf(b.data)) / 2 + (a.parent === b.parent ? 0 : 0.4);
}

function positionsOf(items, columns) {
  const positions = new Map();
  for (const item of items) {
    const { x } = columns[item.depth];
    const single = [[item.data.id, { x, dx: 0, y: item.x, packed: false }]];
    const placed = item.data.leaves ? blockPositions(item, x) : single;
    for (const [id, position] of placed) positions.set(id, { ...position, depth: item.depth });
  }
  return positions;
}

function blockPositions(item, x) {
  const { leaves, across } = item.data;
  const top = item.x - (rowsOf(item.data) * ROW - CELL) / 2;
  return leaves.map((id, index) => {
    const [row, cell] = [Math.floor(index / across), index % across];
    return [id, { x, dx: cell * CELL, y: top + row * CELL, packed: true }];
  });
}

/** A column is as wide as its contents need, within limits. */
function columnsOf(tree, items) {
  const columns = [];
  for (const { depth, data } of items) {
    columns[depth] ??= { x: 0, width: MIN_WIDTH, ids: [] };
    const needed = data.leaves ? data.across * CELL : (tree.label(data.id).length + SCORE_CHARS) * CHAR_WIDTH;
    const maxWidth = data.leaves ? Infinity : MAX_WIDTH;
    columns[depth].width = Math.max(columns[depth].width, Math.min(maxWidth, needed + NODE_ROOM));
  }
  columns.forEach((column, depth) => {
    column.x = depth ? columns[depth - 1].x + columns[depth - 1].width : 0;
  });
  return columns;
}

function boundsOf(positions, columns) {
  const heights = [...positions.values()].map(({ y }) => y);
  const last = columns.at(-1);
  const top = heights.reduce((least, y) => Math.min(least, y), 0);
  const bottom = heights.reduce((most, y) => Math.max(most, y), 0);
  return { left: -14, right: last.x + last.width - 14, top: top - ROW, bottom: bottom + ROW };
}
