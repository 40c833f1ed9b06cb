import assert from "node:assert/strict";
import { test } from "node:test";
import { START } from "../src/address.ts";
import { idOf, type AssetNode } from "../src/model.ts";
import { lineage, matches, scope, sorted } from "../src/select.ts";

const make = (name: string, upstreams: string[] = [], more: Partial<AssetNode> = {}): AssetNode => ({
  namespace: "n",
  name,
  key: name.replaceAll("-", "_"),
  kind: "Count",
  upstreams: upstreams.map((up) => ({ name: up, state: "UpToDate" })),
  ...more,
});
const mapOf = (...assets: AssetNode[]) => new Map(assets.map((asset) => [idOf(asset), asset]));

// a → b → d, a → c → d → e; x apart
const GRAPH = mapOf(make("a"), make("b", ["a"]), make("c", ["a"]), make("d", ["b", "c"]), make("e", ["d"]), make("x"));
const names = (ids: Iterable<string>) =>
  [...ids]
    .map((id) => id.split("/")[1])
    .sort()
    .join("");

test("ancestors and descendants", () => {
  assert.equal(names(lineage(GRAPH, "n/b", "both")), "abde");
  assert.equal(names(lineage(GRAPH, "n/d", "up")), "abcd");
  assert.equal(names(lineage(GRAPH, "n/a", "down")), "abcde");
  assert.equal(names(lineage(GRAPH, "n/x", "both")), "x");
});

test("a cycle ends", () => {
  const cycle = mapOf(make("a", ["b"]), make("b", ["a"]));
  assert.equal(names(lineage(cycle, "n/a", "both")), "ab");
});

test("a chain of ten thousand does not exhaust the stack", () => {
  const chain = mapOf(...Array.from({ length: 10_000 }, (_, i) => make(`a${i}`, i ? [`a${i - 1}`] : [])));
  assert.equal(lineage(chain, "n/a0", "down").size, 10_000);
});

test("namespace, pipeline and focus decide what is laid out", () => {
  const assets = mapOf(make("a", [], { pipeline: "p" }), make("b", ["a"], { pipeline: "q" }), { ...make("a"), namespace: "m" });
  assert.equal(scope(assets, START).length, 3);
  assert.deepEqual(scope(assets, { ...START, namespace: "m" }).map(idOf), ["m/a"]);
  assert.deepEqual(scope(assets, { ...START, pipeline: "q" }).map(idOf), ["n/b"]);
  assert.deepEqual(scope(assets, { ...START, focus: "n/b", direction: "up" }).map(idOf), ["n/a", "n/b"]);
  assert.equal(scope(assets, { ...START, focus: "n/gone" }).length, 3);
});

test("every word of a search must be found, in whatever field", () => {
  const assets = [make("stg-orders", [], { state: "Stale", reason: "LagExceeded", pipeline: "shop" }), make("orders", [], { state: "Fresh" })];
  const found = (search: string) => matches(assets, { ...START, search }).map((asset) => asset.name);
  assert.deepEqual(found(" ORDERS "), ["stg-orders", "orders"]);
  assert.deepEqual(found("orders lag"), ["stg-orders"]);
  assert.deepEqual(found("stg_orders"), ["stg-orders"]);
  assert.deepEqual(found("shop fresh"), []);
  assert.deepEqual(
    matches(assets, { ...START, states: ["Fresh"] }).map((asset) => asset.name),
    ["orders"],
  );
});

test("sorting: the worst state first, unknown values last both ways", () => {
  const assets = [make("a", [], { rows: 5, state: "Fresh" }), make("b", [], { state: "Failed" }), make("c", [], { rows: 1, state: "Stale" })];
  const order = (...how: Parameters<typeof sorted> extends [unknown, ...infer Rest] ? Rest : never) =>
    sorted(assets, ...how)
      .map((a) => a.name)
      .join("");
  assert.equal(order("state", false, 0), "bca");
  assert.equal(order("rows", false, 0), "cab");
  assert.equal(order("rows", true, 0), "acb");
});
