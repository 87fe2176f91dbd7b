/** Keyboard navigation in a tree: left to the parent, right to the first child, up and down within a column. */

import { ROOT } from "./tree.js";

/** Return the id of the node that `key` leads to from the selected one, or null. */
export function keyTarget({ tree, columns, positions, selected }, key) {
  const column = columns[positions.get(selected).depth].ids;
  const index = column.indexOf(selected);
  const targets = {
    ArrowLeft: () => tree.parents.get(selected),
    ArrowRight: () => topmost(tree.children.get(selected), positions),
    ArrowUp: () => column[index - 1],
    ArrowDown: () => column[index + 1],
    Home: () => ROOT,
    End: () => tree.winner ?? undefined,
  };
  return targets[key]?.() ?? null;
}

function topmost(ids, positions) {
  return ids.toSorted((a, b) => positions.get(a).y - positions.get(b).y)[0];
}
