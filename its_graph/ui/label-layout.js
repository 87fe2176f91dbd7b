/**
 * Which marks may bear a label where rows are nearer than letters are high: what matters most first, and none over
 * another label, or over a line that runs to the right.
 */

import { ROW } from "./measures.js";
import { ROOT } from "./tree.js";

const LETTERS = 13;
const BESIDE_LINE = 7;
const OVERVIEW = 5;

/** Return the ids that may be labelled, or null where there is room for all; from afar only those of the answer. */
export function labelled({ tree, places, columns, camera }) {
  if (ROW * camera.k >= LETTERS) return null;
  if (ROW * camera.k < OVERVIEW) return tree.winning;
  const chosen = new Set([ROOT]);
  for (const { ids } of columns) choose(ids, tree, (id) => places.get(id).y * camera.k, places, chosen);
  return chosen;
}

function choose(ids, tree, height, places, chosen) {
  const lines = new Strips(BESIDE_LINE);
  for (const id of ids) if (places.get(id).packed || tree.children.get(id).length) lines.add(height(id), id);
  const labels = new Strips(LETTERS);
  const worth = (id) => (tree.winning.has(id) ? 0 : tree.dead(id) ? 2 : 1);
  for (const id of ids.toSorted((a, b) => worth(a) - worth(b))) {
    const y = height(id);
    if (places.get(id).packed || labels.near(y) || lines.near(y, id)) continue;
    labels.add(y, id);
    chosen.add(id);
  }
}

/** Heights in strips as high as the distance that matters, so that only neighbours need be looked at. */
class Strips {
  constructor(distance) {
    Object.assign(this, { distance, strips: new Map() });
  }

  add(y, id) {
    const strip = Math.floor(y / this.distance);
    if (!this.strips.has(strip)) this.strips.set(strip, []);
    this.strips.get(strip).push([y, id]);
  }

  /** Whether anything but `id` is nearer to `y` than the distance. */
  near(y, id = null) {
    const strip = Math.floor(y / this.distance);
    const around = [strip - 1, strip, strip + 1].flatMap((one) => this.strips.get(one) ?? []);
    return around.some(([other, owner]) => owner !== id && Math.abs(other - y) < this.distance);
  }
}
