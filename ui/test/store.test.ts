import assert from "node:assert/strict";
import { test } from "node:test";
import type { AssetNode } from "../src/model.ts";
import { Store } from "../src/store.ts";

const make = (name: string, upstreams: string[] = [], more: Partial<AssetNode> = {}): AssetNode => ({
  namespace: "n",
  name,
  key: name,
  kind: "Count",
  upstreams: upstreams.map((up) => ({ name: up, state: "UpToDate" })),
  ...more,
});

function loaded(): Store {
  const store = new Store();
  store.load({ boot: "x", revision: 1, now: "2026-11-24T12:00:00Z", assets: [make("a"), make("b", ["a"])], pipelines: [] });
  return store;
}

test("a change of looks asks for no new layout, and leaves other assets as they are", () => {
  const store = loaded();
  const [before, other] = [store.structure, store.assets.get("n/b")];
  let told = 0;
  store.subscribe(() => (told += 1));
  store.apply({ now: "", assets: [make("a", [], { state: "Stale" })] });
  assert.equal(store.assets.get("n/a")?.state, "Stale");
  assert.equal(store.assets.get("n/b"), other);
  assert.equal(store.structure, before);
  assert.equal(told, 1);
});

test("what is new, gone or hangs elsewhere asks for one", () => {
  for (const change of [{ assets: [make("c")] }, { goneAssets: [["n", "a"] as [string, string]] }, { assets: [make("b", ["a", "c"])] }]) {
    const store = loaded();
    const before = store.structure;
    store.apply({ now: "", ...change });
    assert.equal(store.structure, before + 1);
  }
  const store = loaded();
  store.apply({ now: "", goneAssets: [["n", "unknown"]] });
  assert.equal(store.assets.size, 2);
});

test("pipelines come and go", () => {
  const store = loaded();
  store.apply({ now: "", pipelines: [{ namespace: "n", name: "p", suspended: true }] });
  assert.equal(store.pipelines.get("n/p")?.suspended, true);
  store.apply({ now: "", gonePipelines: [["n", "p"]] });
  assert.equal(store.pipelines.size, 0);
});
