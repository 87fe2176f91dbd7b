/** Mouse, touch and wheel input on a tree: drag to pan, wheel or pinch to zoom, click to select. */

const MAX_CLICK_MOVE = 5;

/** Handle pointer events of `view.element`. */
export function handlePointer(view) {
  const pressed = new Map();
  let moved = 0;
  const { element } = view;

  element.addEventListener("pointerdown", (event) => {
    pressed.set(event.pointerId, position(event));
    moved = 0;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const [x, y] = position(event);
    if (!pressed.has(event.pointerId)) {
      view.hover(view.hit(x, y), x, y);
      return;
    }
    const before = [...pressed.values()];
    const [fromX, fromY] = pressed.get(event.pointerId);
    pressed.set(event.pointerId, [x, y]);
    moved += Math.hypot(x - fromX, y - fromY);
    if (pressed.size === 2) pinch(view, before, [...pressed.values()]);
    else if (moved > MAX_CLICK_MOVE) view.pan(x - fromX, y - fromY);
  });
  element.addEventListener("pointerup", (event) => {
    const [x, y] = position(event);
    const target = moved <= MAX_CLICK_MOVE && pressed.size === 1 ? view.hit(x, y) : null;
    pressed.delete(event.pointerId);
    if (target !== null) view.select(target);
  });
  element.addEventListener("pointercancel", (event) => pressed.delete(event.pointerId));
  element.addEventListener("pointerleave", () => view.hover(null));
  element.addEventListener("dblclick", () => view.fit());
  element.addEventListener("wheel", wheel, { passive: false });

  /** Return the pixels from the corner of the element. */
  function position(event) {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function wheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    view.zoom(Math.exp(-event.deltaY * pixels * 0.0016), ...position(event));
  }
}

function pinch(view, before, after) {
  const [distanceBefore, distance] = [before, after].map(([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]));
  const [a, b] = after;
  if (distanceBefore > 0) view.zoom(distance / distanceBefore, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
}
