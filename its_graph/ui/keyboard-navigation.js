/** Where an arrow key leads: left to the parent, right to the first child, up and down within a column. */

import { ROOT } from "./tree.js";

/** Return the id that `key` leads to from the selected node, or null if it leads nowhere. */
export function walk({ tree, columns, places, selected }, key) {
  const column = columns[places.get(selected).depth].ids;
  const at = column.indexOf(selected);
  const targets = {
    ArrowLeft: () => tree.parents.get(selected),
    ArrowRight: () => topmost(tree.children.get(selected), places),
    ArrowUp: () => column[at - 1],
    ArrowDown: () => column[at + 1],
    Home: () => ROOT,
    End: () => tree.winner ?? undefined,
  };
  return targets[key]?.() ?? null;
}

function topmost(ids, places) {
  return ids.toSorted((a, b) => places.get(a).y - places.get(b).y)[0];
}
