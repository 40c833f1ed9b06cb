import assert from "node:assert/strict";
import { test } from "node:test";
import { fold } from "../src/fold.ts";
import { HEIGHT, WIDTH, type Layout } from "../src/geometry.ts";

const CARD = { width: WIDTH, height: HEIGHT };

/** Layers of so many cards, one above the other; each reads the one beside it, or the last. */
function tower(...counts: number[]): Layout {
  const places = new Map(counts.flatMap((count, layer) => Array.from({ length: count }, (_, n) => [`${layer}/${n}`, { x: layer * 336, y: n * 120 }] as const)));
  const routes = counts.slice(1).flatMap((count, layer) =>
    Array.from({ length: count }, (_, n) => {
      const [source, target] = [`${layer}/${Math.min(n, (counts[layer] ?? 1) - 1)}`, `${layer + 1}/${n}`];
      return { id: `${source} ${target}`, source, target, points: [] };
    }),
  );
  return { places, routes, ghosts: new Set(), width: counts.length * 336, height: Math.max(...counts) * 120 };
}

test("a tower becomes about as wide as a screen, and no card lies on another", () => {
  const made = fold(tower(100, 140, 260, 340, 160), CARD);
  assert.equal(made.places.size, 1000);
  assert.ok(made.width / made.height > 1 && made.width / made.height < 2.2, `${made.width} × ${made.height}`);
  const all = [...made.places.values()].sort((a, b) => a.x - b.x || a.y - b.y);
  all.slice(1).forEach((place, n) => assert.ok(place.x - all[n]!.x >= WIDTH || place.y - all[n]!.y >= HEIGHT));
  assert.ok(all.every(({ x, y }) => x >= 0 && y >= 0 && x + WIDTH <= made.width && y + HEIGHT <= made.height + 1));
});

test("downstream still stands to the right, and the order from top to bottom is kept", () => {
  const made = fold(tower(300, 500), CARD);
  for (const { source, target, points } of made.routes) {
    const [from, to] = [made.places.get(source)!, made.places.get(target)!];
    assert.ok(from.x + WIDTH < to.x);
    assert.deepEqual([points[0]!.x, points.at(-1)!.x], [from.x + WIDTH, to.x]);
    for (const point of points) assert.ok(point.x >= from.x + WIDTH && point.x <= to.x);
  }
  const heights = Array.from({ length: 500 }, (_, n) => made.places.get(`1/${n}`)!.y);
  assert.deepEqual(heights, [...heights].sort((a, b) => a - b));
});

test("what is wide already stays as it is", () => {
  const wide = tower(2, 2, 2);
  assert.equal(fold(wide, CARD), wide);
});

test("no edge goes across a card, so that none seems to come from where it does not", () => {
  const made = fold(tower(100, 140, 260, 340, 160), CARD);
  for (const { points } of made.routes) {
    points.slice(1).forEach((to, n) => {
      const from = points[n]!;
      const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
      const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
      for (const { x, y } of made.places.values()) assert.ok(right <= x || left >= x + WIDTH || bottom <= y || top >= y + HEIGHT);
    });
  }
});

test("parts that hang together with nothing stand with the others of their generation", () => {
  const made = tower(30, 40);
  made.places.set("alone", { x: -900, y: 7 });
  const { places } = fold(made, CARD);
  assert.ok(places.get("alone")!.x < places.get("1/0")!.x);
  assert.ok(Math.min(...[...places.values()].map(({ x }) => x)) === 0);
  assert.ok(places.get("0/0")!.x <= WIDTH * 6);
});
