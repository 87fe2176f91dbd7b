/**
 * What part of the drawing is seen.
 *
 * Trees are far higher than wide, or far wider than high. So columns and rows have scales of their own where all is seen:
 * columns fill the width, rows the height. The nearer one looks, the more they become one: `k`, which marks and letters
 * go by too.
 */

const CLOSEST = 2.5;
const FARTHEST = 0.02;
const LARGEST_FIT = 1.15;
const SMALL_ROWS = 0.82;
const EDGE = 18;

export class Camera {
  constructor() {
    Object.assign(this, { k: 1, fitted: { k: 1, across: 1 }, x: 40, y: 200 });
  }

  /** How wide a unit of the columns is on the screen. */
  get across() {
    const { k, across } = this.fitted;
    if (this.k <= k) return (across * this.k) / k;
    return across >= k ? Math.max(across, this.k) : Math.min(this.k, across * (this.k / k) ** 3);
  }

  /** See all of `bounds` on a surface of this size, below `header` pixels. */
  fit(bounds, width, height, header) {
    const [wide, high] = [bounds.right - bounds.left, bounds.bottom - bounds.top];
    const across = Math.max(FARTHEST, Math.min(LARGEST_FIT, (width - 2 * EDGE) / wide));
    const rows = (height - header - EDGE) / high;
    this.k = Math.max(FARTHEST, Math.min(rows, Math.max(across, SMALL_ROWS)));
    this.fitted = { k: this.k, across };
    this.x = EDGE - bounds.left * across + Math.max(0, width - 2 * EDGE - wide * across) / 4;
    this.y = header + (height - header) / 2 - ((bounds.top + bounds.bottom) / 2) * this.k;
  }

  /** Where a place lies on the screen; `dx` is its way from the start of its column, in the measure of the rows. */
  screen({ x, dx, y }) {
    return [x * this.across + dx * this.k + this.x, y * this.k + this.y];
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
  }

  /** Zoom by a factor; what lies under (x, y) on the screen stays there. */
  zoom(factor, x, y) {
    const [across, k] = [this.across, this.k];
    this.k = Math.max(FARTHEST, Math.min(CLOSEST, k * factor));
    this.x = x - ((x - this.x) * this.across) / across;
    this.y = y - ((y - this.y) * this.k) / k;
  }

  /** Move as little as needed for a place to lie inside a surface of this size, `margin` from its edges. */
  reveal(place, width, height, margin) {
    const [x, y] = this.screen(place);
    this.x += Math.max(0, margin - x) - Math.max(0, x - (width - margin * 2));
    this.y += Math.max(0, margin - y) - Math.max(0, y - (height - margin));
  }
}
