/** Sizes that several parts of the drawing must agree about, in pixels; most hold at scale 1. */

/** Of a plain mark. */
export const RADIUS = 5.5;

/** From one row to the next. */
export const ROW = 24;

/** Height of the band with the names of the columns. */
export const HEADER = 30;

/** Of labels. They shrink no further than to the small one, which tells how small rows may be to bear them. */
export const FONT = 11;
export const SMALL_FONT = 9;

/** Between a mark and its label. */
export const LABEL_GAP = 7;
