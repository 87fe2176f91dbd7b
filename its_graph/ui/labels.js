/** The text of node labels: as much as fits into the column on the screen. */

import { FONT, LABEL_GAP, RADIUS, SMALL_FONT } from "./dimensions.js";
import { formatScore, truncate } from "./format.js";
import { ROOT } from "./tree.js";

const LINE_ROOM = 30;
const LAST_COLUMN_ROOM = 8;
const STAR_ROOM = 6;
const MIN_LEFT = 7;
const MIN_CHARS = 4;
const SCORE_CHARS = 5;

/** Return the font size of labels at this scale. */
export function fontSize({ k }) {
  return Math.max(SMALL_FONT, FONT * k);
}

/**
 * Return {score, text, left, textLeft, width}, in pixels from the node, or null if the node has no label.
 *
 * @param scene {tree, positions, columns, camera, labeled, charRatio}; `labeled` has the ids of nodes that may have a
 *   label, null if all may; `charRatio` is the width of a character relative to the font size
 */
export function labelOf({ tree, positions, columns, camera, labeled, charRatio }, id) {
  const position = positions.get(id);
  if (position.packed || (labeled !== null && !labeled.has(id))) return null;
  const charWidth = fontSize(camera) * charRatio;
  const nodeRoom = Math.max(MIN_LEFT, (RADIUS + LABEL_GAP) * camera.k);
  const left = nodeRoom + (id === tree.winner ? STAR_ROOM : 0);
  const reserved = position.depth < columns.length - 1 ? LINE_ROOM : LAST_COLUMN_ROOM;
  const columnWidth = columns[position.depth].width * camera.columnScale;
  const maxChars = Math.floor((columnWidth - nodeRoom - reserved) / charWidth);
  const score = tree.scored && id !== ROOT && maxChars >= SCORE_CHARS - 1 ? formatScore(tree.score(id)) : "";
  const text = fitText(tree.label(id), maxChars - (score ? SCORE_CHARS : 0), id === ROOT);
  const chars = score ? (text ? SCORE_CHARS + text.length : score.length) : text.length;
  if (!chars) return null;
  return { score, text, left, textLeft: left + (score ? SCORE_CHARS * charWidth : 0), width: chars * charWidth };
}

function fitText(text, maxChars, wholeOnly) {
  return text.length <= maxChars || (maxChars >= MIN_CHARS && !wholeOnly) ? truncate(text, maxChars) : "";
}
