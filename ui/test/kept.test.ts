import assert from "node:assert/strict";
import { test } from "node:test";
import ELK from "elkjs/lib/elk.bundled.js";
import { any, keep, recall, signature, type Shelf } from "../src/kept.ts";
import { problem, solution } from "../src/layout.ts";
import type { AssetNode } from "../src/model.ts";
import { make } from "./make.ts";

function shelf(content: Record<string, string> = {}): Shelf {
  return { getItem: (key) => content[key] ?? null, setItem: (key, value) => void (content[key] = value) };
}

const graphOf = (...assets: AssetNode[]) => problem(assets, () => true);
const SOME = [make("a"), make("b", ["a"]), make("c", ["a", "b", "lost"])];

test("what was laid out once comes back the same, to the pixel", async () => {
  const [kept, { graph, ghosts }] = [shelf(), graphOf(...SOME)];
  const answer = await new ELK().layout(graphOf(...SOME).graph);
  assert.equal(recall(graph, kept), undefined);
  assert.equal(any(kept), false);
  keep(graph, answer, kept);
  const [fresh, known] = [solution(answer, ghosts), solution(recall(graph, kept)!, ghosts)];
  assert.deepEqual([...known.places.keys()], [...fresh.places.keys()]);
  for (const [id, place] of fresh.places) assert.ok(Math.abs(known.places.get(id)!.x - place.x) <= 0.5);
  assert.deepEqual(
    known.routes.map((route) => [route.id, route.points.length]),
    fresh.routes.map((route) => [route.id, route.points.length]),
  );
  assert.equal(any(kept), true);
});

test("another graph is another", () => {
  const other = graphOf(...SOME, make("d")).graph;
  assert.notEqual(signature(graphOf(...SOME).graph), signature(other));
  assert.notEqual(signature(graphOf(...SOME).graph), signature(graphOf(make("a"), make("b"), make("c", ["a", "b", "lost"])).graph));
  assert.equal(signature(other), signature(graphOf(...SOME, make("d")).graph));
});

test("the newest few are kept", () => {
  const kept = shelf();
  const graphs = ["a", "b", "c", "d", "e"].map((name) => graphOf(make(name)).graph);
  for (const graph of graphs) keep(graph, { ...graph, width: 1, height: 1 }, kept);
  assert.deepEqual(graphs.map((graph) => recall(graph, kept) !== undefined), [false, true, true, true, true]);
});

test("a browser that keeps nothing, or nonsense, does no harm", () => {
  const { graph } = graphOf(...SOME);
  const full: Shelf = { getItem: () => null, setItem: () => { throw new Error("full"); } };
  keep(graph, graph, full);
  keep(graph, graph, undefined);
  for (const text of ["{", "7", "[7]", "[null]", '[{"of":1}]']) assert.equal(recall(graph, shelf({ "freshet-layouts": text })), undefined);
});
