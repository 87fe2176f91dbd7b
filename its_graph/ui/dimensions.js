/** Sizes that several parts of the drawing share, in pixels; most apply at scale 1. */

/** Radius of an ordinary node. */
export const RADIUS = 5.5;

/** Distance between rows. */
export const ROW = 24;

/** Height of the band with the column titles. */
export const HEADER = 30;

/** Font sizes of labels. Labels shrink to the small one at most, which limits how close rows with labels can be. */
export const FONT = 11;
export const SMALL_FONT = 9;

/** Distance between a node and its label. */
export const LABEL_GAP = 7;
