"use strict";
// Where points and names go in a crowded picture: no point over another, no name over a name, a point or outside.
(() => {
  const DIRECTIONS = [0, 180, 35, -35, 145, -145, 90, -90, 15, -15, 165, -165, 60, -60, 120, -120].map((angle) => (angle * Math.PI) / 180);

  // Push points apart that lie closer than `distance`; equal ones part along a fixed direction of their own.
  function spread(points, distance, width, height) {
    const apart = (a, b, i) => {
      let dx = a.x - b.x, dy = a.y - b.y, gap = Math.hypot(dx, dy);
      if (gap >= distance - 1e-6) return false;
      const push = (distance - gap) / 2;
      if (gap < 1e-6) [dx, dy, gap] = [Math.cos(2.4 * i), Math.sin(2.4 * i), 1];
      a.x += (push * dx) / gap;
      a.y += (push * dy) / gap;
      b.x -= (push * dx) / gap;
      b.y -= (push * dy) / gap;
      return true;
    };
    for (let round = 0, moved = true; moved && round < 60; round++) {
      moved = false;
      for (let i = 0; i < points.length; i++) for (let j = 0; j < i; j++) moved = apart(points[i], points[j], i) || moved;
    }
    for (const point of points) {
      point.x = Math.min(Math.max(point.x, 0), width);
      point.y = Math.min(Math.max(point.y, 0), height);
    }
  }

  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const near = (a, b, distance) => Math.hypot(a.x - b.x, a.y - b.y) < distance;

  // Whether a segment passes through a rectangle, clipped side by side (Liang and Barsky 1984).
  function crosses(box, from, to) {
    let low = 0, high = 1;
    for (const [start, end, least, most] of [[from.x, to.x, box.left, box.right], [from.y, to.y, box.top, box.bottom]]) {
      if (start === end) {
        if (start <= least || start >= most) return false;
        continue;
      }
      const one = (least - start) / (end - start), other = (most - start) / (end - start);
      low = Math.max(low, Math.min(one, other));
      high = Math.min(high, Math.max(one, other));
    }
    return low < high;
  }

  // Rectangles of `wide` x `tall` around a point at growing distances, as [distance, rectangle].
  function* around(point, wide, tall, radius, reach) {
    const shift = (part) => Math.max(-1, Math.min(1, 1.5 * part));
    for (let away = radius + 3; away < reach; away += Math.max(5, 0.2 * away)) {
      for (const angle of DIRECTIONS) {
        const x = point.x + away * Math.cos(angle) + (wide / 2) * shift(Math.cos(angle));
        const y = point.y - away * Math.sin(angle) - (tall / 2) * shift(Math.sin(angle));
        yield [away, { left: x - wide / 2, right: x + wide / 2, top: y - tall / 2, bottom: y + tall / 2 }];
      }
    }
  }

  // A place for each name that has one, those of highest rank first; the others are named by pointing. `edge` is a
  // line that names had better not cross. A leader joins a name to its point where it could be taken for another's.
  function place(points, edge, look, width, height) {
    const size = look.size * 0.84, tall = size * 1.15, reach = Math.min(look.size * 9, width * 0.2);
    const radius = (point) => look.size * (point.chosen ? 0.85 : 0.45);
    const square = (point) => ({
      left: point.x - radius(point), right: point.x + radius(point), top: point.y - radius(point), bottom: point.y + radius(point),
    });
    const crowd = (point) => points.filter((other) => near(point, other, 4 * look.size)).length;
    const order = points.map((point, i) => [100 * point.rank + crowd(point), i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    const taken = [], leaders = [], placed = [];
    for (const [, i] of order) {
      const point = points[i], wide = charts.textWidth(point.short, size) * (point.chosen ? 1.09 : 1) + 4;
      const blocked = [...taken, ...points.filter((_, j) => j !== i).map(square)];
      const fits = (box) => box.left >= 0 && box.right <= width && box.top >= -tall / 2 && box.bottom <= height &&
        !blocked.some((other) => meet(box, other)) && !leaders.some(([from, to]) => crosses(box, from, to));
      let best = null;
      for (const [away, box] of around(point, wide, tall, radius(point), reach)) {
        if (best && away > best.cost) break;
        if (!fits(box)) continue;
        const end = { x: Math.min(Math.max(point.x, box.left), box.right), y: Math.min(Math.max(point.y, box.top), box.bottom) };
        const through = blocked.filter((other) => crosses(other, point, end)).length;
        const over = edge.filter((_, k) => k && crosses(box, edge[k - 1], edge[k])).length;
        const cost = Math.hypot(end.x - point.x, end.y - point.y) + 40 * through + 12 * over;
        if (!best || cost < best.cost) best = { cost, box, end };
      }
      if (!best) continue;
      taken.push(best.box);
      leaders.push([point, best.end]);
      const mistakable = points.some((other) => other !== point && near(point, other, 1.5 * look.size));
      placed.push({
        ...point, midX: (best.box.left + best.box.right) / 2, midY: (best.box.top + best.box.bottom) / 2,
        endX: best.end.x, endY: best.end.y, leader: mistakable || best.cost > 1.4 * look.size,
      });
    }
    return placed;
  }

  Object.assign(charts, { spread, place });
})();
