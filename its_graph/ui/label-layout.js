/**
 * Selects the nodes that get a label when rows are closer than text is high: the most important first, and none that
 * overlaps another label or a line that leaves to the right.
 */

import { ROW } from "./dimensions.js";
import { ROOT } from "./tree.js";

const LABEL_HEIGHT = 13;
const LINE_DISTANCE = 7;
const OVERVIEW_ROW = 5;

/** Return the ids of the nodes to label; null means all. In the overview only the answer's path is labeled. */
export function labeledNodes({ tree, positions, columns, camera }) {
  if (ROW * camera.k >= LABEL_HEIGHT) return null;
  if (ROW * camera.k < OVERVIEW_ROW) return tree.winningPath;
  const labeled = new Set([ROOT]);
  for (const { ids } of columns) labelColumn(ids, tree, positions, camera.k, labeled);
  return labeled;
}

function labelColumn(ids, tree, positions, scale, labeled) {
  const screenY = (id) => positions.get(id).y * scale;
  const lines = new HeightIndex(LINE_DISTANCE);
  for (const id of ids) if (positions.get(id).packed || tree.children.get(id).length) lines.add(screenY(id), id);
  const labels = new HeightIndex(LABEL_HEIGHT);
  const rank = (id) => (tree.winningPath.has(id) ? 0 : tree.isDiscarded(id) ? 2 : 1);
  for (const id of ids.toSorted((a, b) => rank(a) - rank(b))) {
    const y = screenY(id);
    if (positions.get(id).packed || labels.hasNear(y) || lines.hasNear(y, id)) continue;
    labels.add(y, id);
    labeled.add(id);
  }
}

/** Heights in buckets as high as the distance that matters, so that a query reads only three buckets. */
class HeightIndex {
  constructor(distance) {
    Object.assign(this, { distance, buckets: new Map() });
  }

  add(y, id) {
    const bucket = Math.floor(y / this.distance);
    if (!this.buckets.has(bucket)) this.buckets.set(bucket, []);
    this.buckets.get(bucket).push([y, id]);
  }

  /** Whether an entry other than `id` is closer to `y` than the distance. */
  hasNear(y, id = null) {
    const middle = Math.floor(y / this.distance);
    const nearby = [middle - 1, middle, middle + 1].flatMap((bucket) => this.buckets.get(bucket) ?? []);
    return nearby.some(([entryY, entryId]) => entryId !== id && Math.abs(entryY - y) < this.distance);
  }
}
