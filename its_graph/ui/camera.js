/**
 * The visible part of the drawing.
 *
 * Trees are much taller than wide, or much wider than tall. So when the whole tree is visible, columns and rows have
 * separate scales: columns fill the width, rows the height. While zooming in they converge to one scale, `k`, which nodes
 * and text use too.
 */

const MAX_ZOOM = 2.5;
const MIN_ZOOM = 0.02;
const MAX_FIT = 1.15;
const MIN_ROW_FIT = 0.82;
const MARGIN = 18;

export class Camera {
  constructor() {
    Object.assign(this, { k: 1, fitted: { k: 1, columnScale: 1 }, x: 40, y: 200 });
  }

  /** Screen pixels per unit of the columns. */
  get columnScale() {
    const { k, columnScale } = this.fitted;
    if (this.k <= k) return (columnScale * this.k) / k;
    return columnScale >= k ? Math.max(columnScale, this.k) : Math.min(this.k, columnScale * (this.k / k) ** 3);
  }

  /** Show all of `bounds` on a surface of this size, below `header` pixels. */
  fit(bounds, width, height, header) {
    const [boundsWidth, boundsHeight] = [bounds.right - bounds.left, bounds.bottom - bounds.top];
    const columnScale = Math.max(MIN_ZOOM, Math.min(MAX_FIT, (width - 2 * MARGIN) / boundsWidth));
    const rowScale = (height - header - MARGIN) / boundsHeight;
    this.k = Math.max(MIN_ZOOM, Math.min(rowScale, Math.max(columnScale, MIN_ROW_FIT)));
    this.fitted = { k: this.k, columnScale };
    this.x = MARGIN - bounds.left * columnScale + Math.max(0, width - 2 * MARGIN - boundsWidth * columnScale) / 4;
    this.y = header + (height - header) / 2 - ((bounds.top + bounds.bottom) / 2) * this.k;
  }

  /** Return the screen coordinates of a position; `dx`, its offset inside the column, has the scale of the rows. */
  toScreen({ x, dx, y }) {
    return [x * this.columnScale + dx * this.k + this.x, y * this.k + this.y];
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
  }

  /** Zoom by a factor; what is at (x, y) on the screen stays there. */
  zoom(factor, x, y) {
    const [columnScale, k] = [this.columnScale, this.k];
    this.k = Math.max(MIN_ZOOM, Math.min(MAX_ZOOM, k * factor));
    this.x = x - ((x - this.x) * this.columnScale) / columnScale;
    this.y = y - ((y - this.y) * this.k) / k;
  }

  /** Pan as little as needed to show a position at least `margin` inside a surface of this size. */
  reveal(position, width, height, margin) {
    const [x, y] = this.toScreen(position);
    this.x += Math.max(0, margin - x) - Math.max(0, x - (width - margin * 2));
    this.y += Math.max(0, margin - y) - Math.max(0, y - (height - margin));
  }
}
