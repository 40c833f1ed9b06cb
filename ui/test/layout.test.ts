import assert from "node:assert/strict";
import { test } from "node:test";
import ELK from "elkjs/lib/elk.bundled.js";
import { neighbour, path, stopInSight, WIDTH, type Layout } from "../src/geometry.ts";
import { problem, solution } from "../src/layout.ts";
import { make } from "./make.ts";

// a → b, a → c; d names an upstream that does not exist
const ASSETS = [make("a"), make("b", ["a"]), make("c", ["a"]), make("d", ["lost"])];

async function laidOut(ghosts: boolean) {
  const { graph, ghosts: found } = problem(ASSETS, () => ghosts);
  return solution(await new ELK().layout(graph), found);
}

test("downstream stands to the right, and nothing overlaps", async () => {
  const { places, routes, ghosts } = await laidOut(true);
  assert.equal(places.size, 5);
  assert.deepEqual([...ghosts], ["n/lost"]);
  for (const { source, target, points } of routes) {
    const [from, to] = [places.get(source)!, places.get(target)!];
    assert.ok(from.x + WIDTH < to.x);
    assert.ok(points[0]!.x >= from.x && points.at(-1)!.x <= to.x + 1);
  }
  assert.equal(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size, 5);
});

test("an upstream outside the scope is left out, with its edges", async () => {
  const { places, routes } = await laidOut(false);
  assert.equal(places.has("n/lost"), false);
  assert.equal(routes.length, 2);
});

test("arrow keys go along edges and to neighbours of the column", async () => {
  const layout = await laidOut(true);
  const right = neighbour(layout, "n/a", "ArrowRight")!;
  assert.ok(["n/b", "n/c"].includes(right));
  assert.equal(neighbour(layout, right, "ArrowLeft"), "n/a");
  const [upper, lower] = ["n/b", "n/c"].sort((x, y) => layout.places.get(x)!.y - layout.places.get(y)!.y) as [string, string];
  assert.equal(neighbour(layout, upper, "ArrowDown"), lower);
  assert.equal(neighbour(layout, lower, "ArrowUp"), upper);
  assert.equal(neighbour(layout, "n/d", "ArrowLeft"), undefined, "a ghost is nowhere to go");
});

test("corners are rounded no more than there is room", () => {
  assert.equal(path([]), "");
  assert.equal(
    path([
      { x: 0, y: 0 },
      { x: 9, y: 0 },
    ]),
    "M0 0L9 0",
  );
  assert.equal(
    path([
      { x: 0, y: 0 },
      { x: 8, y: 0 },
      { x: 8, y: 40 },
    ]),
    "M0 0L4 0Q8 0 8 4L8 40",
  );
});

test("the Tab key stops at what is in sight", () => {
  const places = new Map([0, 1000, 2000, 3000].map((x) => [`n/${x}`, { x, y: 0 }]));
  const layout: Layout = { places, routes: [], ghosts: new Set(["n/3000"]), width: 3300, height: 100 };
  const sight = (x: number) => ({ x, y: -50, width: 800, height: 300 });
  assert.equal(stopInSight(layout, undefined, "n/0"), "n/0");
  assert.equal(stopInSight(layout, sight(-100), "n/0"), "n/0");
  assert.equal(stopInSight(layout, sight(900), "n/0"), "n/1000");
  assert.equal(stopInSight(layout, { ...sight(500), width: 1400 }, "n/3000"), "n/1000");
  for (const nothing of [sight(2700), { ...sight(0), y: 500 }]) assert.equal(stopInSight(layout, nothing, "n/0"), "n/0");
});
