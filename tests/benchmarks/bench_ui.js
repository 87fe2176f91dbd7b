/* Run in the page by bench_ui.py: a function of [events, frames] that resolves to lists of milliseconds, by measurement. */
async ([events, frames]) => {
  const load = (name) => import(`/ui/${name}.js`);
  const names = ["state", "tree", "tree-layout", "tree-view"];
  const [{ rebuild }, { Tree }, { treeLayout }, { TreeView }] = await Promise.all(names.map(load));
  const frame = () => new Promise(requestAnimationFrame);
  const timesOf = (act) => Array.from({ length: 7 }, () => {
    const began = performance.now();
    act();
    return performance.now() - began;
  });
  const frameGaps = async (drag) => {
    const gaps = [];
    await frame();
    for (let last = await frame(), n = 0; n < frames; n += 1) {
      drag(n);
      const now = await frame();
      gaps.push(now - last);
      last = now;
    }
    return gaps;
  };
  const timesToFrame = async (change) => {
    const times = [];
    for (let n = 0; n < 10; n += 1) {
      await frame();
      const began = performance.now();
      change();
      await frame();
      await frame();
      times.push(performance.now() - began);
    }
    return times;
  };
  const state = rebuild(events);
  const tree = new Tree(state);
  const view = new TreeView({ onSelect() {}, tooltip: { show() {} } });
  const overlay = document.createElement("div");
  overlay.style.cssText = "position:fixed;inset:0;background:#fff";
  overlay.append(view.element);
  document.body.append(overlay);
  await frame();
  view.show(tree);
  view.fit();
  await new Promise((done) => setTimeout(done, 600));
  const timings = {
    fold: timesOf(() => rebuild(events)),
    tree: timesOf(() => new Tree(state)),
    layout: timesOf(() => treeLayout(tree)),
  };
  timings["canvas, zoomed out"] = await frameGaps((n) => view.pan(n % 2 ? 3 : -3, 0));
  timings["key to frame"] = [];
  for (let n = 0; n < 15; n += 1) {
    const began = performance.now();
    view.element.dispatchEvent(new KeyboardEvent("keydown", { key: n % 2 ? "ArrowDown" : "ArrowRight" }));
    await frame();
    timings["key to frame"].push(performance.now() - began);
  }
  view.zoom(1 / view.camera.k, 500, 400);
  timings["canvas, zoomed in"] = await frameGaps((n) => view.pan(n % 2 ? 3 : -3, 0));
  timings["canvas, growing"] = await timesToFrame(() => view.show(new Tree(state)));
  let svg = null;
  const redraw = () => {
    svg = asSvg(view);
    overlay.replaceChildren(svg.root);
  };
  timings["SVG, growing"] = await timesToFrame(redraw);
  await new Promise((done) => setTimeout(done, 600));
  const zoomedOut = `scale(${svg.width / (view.bounds.right + 40)} ${svg.height / (view.bounds.bottom - view.bounds.top)})`;
  const move = (scale) => (n) => svg.group.setAttribute("transform", `translate(${n % 2 ? 3 : 0} 400) ${scale}`);
  timings["SVG, zoomed out"] = await frameGaps(move(zoomedOut));
  timings["SVG, zoomed in"] = await frameGaps(move("scale(1)"));
  return timings;

  function asSvg({ positions, tree }) {
    const make = (tag, attributes, parent) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      parent?.append(element);
      return element;
    };
    const root = make("svg", { width: innerWidth, height: innerHeight });
    const group = make("g", {}, root);
    for (const [id, { x, y }] of positions) {
      const from = positions.get(tree.parents.get(id));
      const line = from && `M${from.x} ${from.y}C${x - 30} ${from.y} ${x - 30} ${y} ${x} ${y}`;
      if (from) make("path", { d: line, fill: "none", stroke: "#aaa" }, group);
      make("circle", { cx: x, cy: y, r: 5.5, fill: "#17877a" }, group);
      make("text", { x: x + 12, y: y + 4, "font-size": 11 }, group).textContent = tree.label(id);
    }
    return { root, group, width: innerWidth, height: innerHeight };
  }
}
