/** One shape per role of a node: shape alone identifies the role, so color is free to show the score. */

const TURN = 2 * Math.PI;

/** Draw a node of `role` at (x, y). `fill` is the color of its score, `r` the radius of an ordinary node. */
export function drawNode(context, role, x, y, r, fill, colors) {
  context.fillStyle = fill;
  context.strokeStyle = fill;
  context.lineWidth = Math.max(1, r * 0.32);
  SHAPES[role](context, x, y, r, colors);
}

const SHAPES = {
  root(context, x, y, r, colors) {
    context.fillStyle = colors.text;
    disc(context, x, y, r * 0.7);
    context.strokeStyle = colors.text;
    ring(context, x, y, r * 1.15);
  },
  kept: (context, x, y, r) => disc(context, x, y, r),
  auxiliary: (context, x, y, r) => disc(context, x, y, r * 0.5),
  waiting(context, x, y, r, colors) {
    withSurfaceColor(context, colors, () => disc(context, x, y, r * 0.85));
    ring(context, x, y, r * 0.85);
  },
  finished: (context, x, y, r) => polygon(context, x, y, r * 1.3, 4, Math.PI / 4),
  winner(context, x, y, r, colors) {
    context.beginPath();
    for (let point = 0; point < 10; point += 1) {
      const distance = point % 2 ? r * 0.82 : r * 1.85;
      corner(context, x, y, distance, -TURN / 4 + (point * TURN) / 10);
    }
    context.closePath();
    context.fill();
    context.strokeStyle = colors.accent;
    context.stroke();
  },
  edited(context, x, y, r, colors) {
    polygon(context, x, y, r * 1.25, 6, 0);
    context.strokeStyle = colors.person;
    context.stroke();
    withSurfaceColor(context, colors, () => disc(context, x, y, r * 0.38));
  },
  pruned(context, x, y, r, colors) {
    context.strokeStyle = colors.danger;
    withSurfaceColor(context, colors, () => disc(context, x, y, r));
    ring(context, x, y, r * 0.95);
    line(context, x - r * 0.62, y + r * 0.62, x + r * 0.62, y - r * 0.62);
  },
  cut(context, x, y, r) {
    line(context, x - r * 0.62, y - r * 0.62, x + r * 0.62, y + r * 0.62);
    line(context, x - r * 0.62, y + r * 0.62, x + r * 0.62, y - r * 0.62);
  },
  truncated(context, x, y, r) {
    context.beginPath();
    context.arc(x, y, r, TURN / 4, (3 * TURN) / 4);
    context.fill();
    line(context, x + r * 0.35, y - r, x + r * 0.35, y + r);
  },
  failed(context, x, y, r, colors) {
    context.strokeStyle = colors.danger;
    context.fillStyle = colors.surface;
    polygon(context, x, y + r * 0.15, r * 1.1, 3, -TURN / 4);
    context.stroke();
  },
};

function disc(context, x, y, r) {
  context.beginPath();
  context.arc(x, y, r, 0, TURN);
  context.fill();
}

function ring(context, x, y, r) {
  context.beginPath();
  context.arc(x, y, r, 0, TURN);
  context.stroke();
}

function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

function polygon(context, x, y, r, corners, rotation) {
  context.beginPath();
  for (let index = 0; index < corners; index += 1) corner(context, x, y, r, rotation + (index * TURN) / corners);
  context.closePath();
  context.fill();
}

function corner(context, x, y, distance, angle) {
  context.lineTo(x + distance * Math.cos(angle), y + distance * Math.sin(angle));
}

function withSurfaceColor(context, colors, draw) {
  const before = context.fillStyle;
  context.fillStyle = colors.surface;
  draw();
  context.fillStyle = before;
}
