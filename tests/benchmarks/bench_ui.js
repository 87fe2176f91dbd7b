/* What bench_ui.py runs in the page: a function of [events, frames] that resolves to milliseconds by what was measured. */
async ([events, frames]) => {
  const load = (name) => import(`/ui/${name}.js`);
  const names = ["state", "tree", "layout", "treeview"];
  const [{ rebuild }, { Tree }, { layout }, { TreeView }] = await Promise.all(names.map(load));
  const frame = () => new Promise(requestAnimationFrame);
  const timed = (act) => Array.from({ length: 7 }, () => {
    const began = performance.now();
    act();
    return performance.now() - began;
  });
  const dragged = async (drag) => {
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
  const grown = async (grow) => {
    const times = [];
    for (let n = 0; n < 10; n += 1) {
      await frame();
      const began = performance.now();
      grow();
      await frame();
      await frame();
      times.push(performance.now() - began);
    }
    return times;
  };
  const state = rebuild(events);
  const tree = new Tree(state);
  const view = new TreeView({ onSelect() {}, hint: { show() {} } });
  const box = document.createElement("div");
  box.style.cssText = "position:fixed;inset:0;background:#fff";
  box.append(view.element);
  document.body.append(box);
  await frame();
  view.show(tree);
  view.fit();
  await new Promise((done) => setTimeout(done, 600));
  const found = {
    fold: timed(() => rebuild(events)),
    tree: timed(() => new Tree(state)),
    layout: timed(() => layout(tree)),
  };
  found["canvas, from afar"] = await dragged((n) => view.pan(n % 2 ? 3 : -3, 0));
  found["key to frame"] = [];
  for (let n = 0; n < 15; n += 1) {
    const began = performance.now();
    view.element.dispatchEvent(new KeyboardEvent("keydown", { key: n % 2 ? "ArrowDown" : "ArrowRight" }));
    await frame();
    found["key to frame"].push(performance.now() - began);
  }
  view.zoom(1 / view.camera.k, 500, 400);
  found["canvas, from near"] = await dragged((n) => view.pan(n % 2 ? 3 : -3, 0));
  found["canvas, growing"] = await grown(() => view.show(new Tree(state)));
  let svg = null;
  const redraw = () => {
    svg = asSvg(view);
    box.replaceChildren(svg.root);
  };
  found["SVG, growing"] = await grown(redraw);
  await new Promise((done) => setTimeout(done, 600));
  const far = `scale(${svg.width / (view.bounds.right + 40)} ${svg.height / (view.bounds.bottom - view.bounds.top)})`;
  const move = (scale) => (n) => svg.group.setAttribute("transform", `translate(${n % 2 ? 3 : 0} 400) ${scale}`);
  found["SVG, from afar"] = await dragged(move(far));
  found["SVG, from near"] = await dragged(move("scale(1)"));
  return found;

  function asSvg({ places, tree }) {
    const make = (tag, given, parent) => {
      const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [key, value] of Object.entries(given)) one.setAttribute(key, value);
      parent?.append(one);
      return one;
    };
    const root = make("svg", { width: innerWidth, height: innerHeight });
    const group = make("g", {}, root);
    for (const [id, { x, y }] of places) {
      const from = places.get(tree.parents.get(id));
      const line = from && `M${from.x} ${from.y}C${x - 30} ${from.y} ${x - 30} ${y} ${x} ${y}`;
      if (from) make("path", { d: line, fill: "none", stroke: "#aaa" }, group);
      make("circle", { cx: x, cy: y, r: 5.5, fill: "#17877a" }, group);
      make("text", { x: x + 12, y: y + 4, "font-size": 11 }, group).textContent = tree.label(id);
    }
    return { root, group, width: innerWidth, height: innerHeight };
  }
}
