/** Mouse, touch and wheel on a tree: drag pans, wheel and pinch zoom, a tap selects. */

const TAP = 5;

/** Hear the pointers of `view.element`. */
export function listen(view) {
  const down = new Map();
  let moved = 0;
  const { element } = view;

  element.addEventListener("pointerdown", (event) => {
    down.set(event.pointerId, spot(event));
    moved = 0;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const [x, y] = spot(event);
    if (!down.has(event.pointerId)) {
      view.hover(view.hit(x, y), x, y);
      return;
    }
    const before = [...down.values()];
    const [fromX, fromY] = down.get(event.pointerId);
    down.set(event.pointerId, [x, y]);
    moved += Math.hypot(x - fromX, y - fromY);
    if (down.size === 2) pinch(view, before, [...down.values()]);
    else if (moved > TAP) view.pan(x - fromX, y - fromY);
  });
  element.addEventListener("pointerup", (event) => {
    const [x, y] = spot(event);
    const hit = moved <= TAP && down.size === 1 ? view.hit(x, y) : null;
    down.delete(event.pointerId);
    if (hit !== null) view.select(hit);
  });
  element.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
  element.addEventListener("pointerleave", () => view.hover(null));
  element.addEventListener("dblclick", () => view.fit());
  element.addEventListener("wheel", (event) => wheel(view, event), { passive: false });

  /** Pixels from the corner of the element. */
  function spot(event) {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function wheel(target, event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    target.zoom(Math.exp(-event.deltaY * lines * 0.0016), ...spot(event));
  }
}

function pinch(view, before, after) {
  const [was, is] = [before, after].map(([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]));
  const [a, b] = after;
  if (was > 0) view.zoom(is / was, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
}
