/** What is written beside a mark: as much as its column has room for on the screen. */

import { FONT, LABEL_GAP, RADIUS, SMALL_FONT } from "./measures.js";
import { ROOT } from "./tree.js";
import { scoreText, shorten } from "./wording.js";

const FOR_LINES = 30;
const BEFORE_NEXT = 8;
const FOR_STAR = 6;
const LEAST_LEFT = 7;
const LEAST_TEXT = 4;
const SCORE_CHARS = 5;

/** Return the size of letters at this scale. */
export function fontSize({ k }) {
  return Math.max(SMALL_FONT, FONT * k);
}

/**
 * Return {score, text, left, textLeft, width}, in pixels from the mark, or null where there is nothing to write.
 *
 * @param scene {tree, places, columns, camera, labelled, charRatio}; `labelled` are the ids that may have a label, null if
 *   all may; `charRatio` is the width of a character by the size of its font
 */
export function labelOf({ tree, places, columns, camera, labelled, charRatio }, id) {
  const place = places.get(id);
  if (place.packed || (labelled !== null && !labelled.has(id))) return null;
  const char = fontSize(camera) * charRatio;
  const beside = Math.max(LEAST_LEFT, (RADIUS + LABEL_GAP) * camera.k);
  const left = beside + (id === tree.winner ? FOR_STAR : 0);
  const kept = place.depth < columns.length - 1 ? FOR_LINES : BEFORE_NEXT;
  const room = Math.floor((columns[place.depth].width * camera.across - beside - kept) / char);
  const score = tree.scored && id !== ROOT && room >= SCORE_CHARS - 1 ? scoreText(tree.score(id)) : "";
  const text = fitting(tree.label(id), room - (score ? SCORE_CHARS : 0), id === ROOT);
  const chars = score ? (text ? SCORE_CHARS + text.length : score.length) : text.length;
  return chars ? { score, text, left, textLeft: left + (score ? SCORE_CHARS * char : 0), width: chars * char } : null;
}

function fitting(said, room, whole) {
  return said.length <= room || (room >= LEAST_TEXT && !whole) ? shorten(said, room) : "";
}
