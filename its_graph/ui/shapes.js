/** One mark for each role: told apart by shape alone, so that colour is free to show the score. */

const TURN = 2 * Math.PI;

/** Draw the mark of `role` around (x, y). `fill` is the colour of its score, `r` the radius of a plain one. */
export function mark(pen, role, x, y, r, fill, colours) {
  pen.fillStyle = fill;
  pen.strokeStyle = fill;
  pen.lineWidth = Math.max(1, r * 0.32);
  MARKS[role](pen, x, y, r, colours);
}

const MARKS = {
  root(pen, x, y, r, colours) {
    pen.fillStyle = colours.ink;
    disc(pen, x, y, r * 0.7);
    pen.strokeStyle = colours.ink;
    ring(pen, x, y, r * 1.15);
  },
  kept: (pen, x, y, r) => disc(pen, x, y, r),
  auxiliary: (pen, x, y, r) => disc(pen, x, y, r * 0.5),
  waiting(pen, x, y, r, colours) {
    paper(pen, colours, () => disc(pen, x, y, r * 0.85));
    ring(pen, x, y, r * 0.85);
  },
  finished: (pen, x, y, r) => polygon(pen, x, y, r * 1.3, 4, Math.PI / 4),
  winner(pen, x, y, r, colours) {
    pen.beginPath();
    for (let point = 0; point < 10; point += 1) {
      const reach = point % 2 ? r * 0.82 : r * 1.85;
      corner(pen, x, y, reach, -TURN / 4 + (point * TURN) / 10);
    }
    pen.closePath();
    pen.fill();
    pen.strokeStyle = colours.accent;
    pen.stroke();
  },
  edited(pen, x, y, r, colours) {
    polygon(pen, x, y, r * 1.25, 6, 0);
    pen.strokeStyle = colours.person;
    pen.stroke();
    paper(pen, colours, () => disc(pen, x, y, r * 0.38));
  },
  pruned(pen, x, y, r, colours) {
    pen.strokeStyle = colours.danger;
    paper(pen, colours, () => disc(pen, x, y, r));
    ring(pen, x, y, r * 0.95);
    line(pen, x - r * 0.62, y + r * 0.62, x + r * 0.62, y - r * 0.62);
  },
  cut(pen, x, y, r) {
    line(pen, x - r * 0.62, y - r * 0.62, x + r * 0.62, y + r * 0.62);
    line(pen, x - r * 0.62, y + r * 0.62, x + r * 0.62, y - r * 0.62);
  },
  truncated(pen, x, y, r) {
    pen.beginPath();
    pen.arc(x, y, r, TURN / 4, (3 * TURN) / 4);
    pen.fill();
    line(pen, x + r * 0.35, y - r, x + r * 0.35, y + r);
  },
  failed(pen, x, y, r, colours) {
    pen.strokeStyle = colours.danger;
    pen.fillStyle = colours.paper;
    polygon(pen, x, y + r * 0.15, r * 1.1, 3, -TURN / 4);
    pen.stroke();
  },
};

function disc(pen, x, y, r) {
  pen.beginPath();
  pen.arc(x, y, r, 0, TURN);
  pen.fill();
}

function ring(pen, x, y, r) {
  pen.beginPath();
  pen.arc(x, y, r, 0, TURN);
  pen.stroke();
}

function line(pen, fromX, fromY, toX, toY) {
  pen.beginPath();
  pen.moveTo(fromX, fromY);
  pen.lineTo(toX, toY);
  pen.stroke();
}

function polygon(pen, x, y, r, corners, turned) {
  pen.beginPath();
  for (let index = 0; index < corners; index += 1) corner(pen, x, y, r, turned + (index * TURN) / corners);
  pen.closePath();
  pen.fill();
}

function corner(pen, x, y, reach, angle) {
  pen.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
}

function paper(pen, colours, draw) {
  const before = pen.fillStyle;
  pen.fillStyle = colours.paper;
  draw();
  pen.fillStyle = before;
}
