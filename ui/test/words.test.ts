import assert from "node:assert/strict";
import { test } from "node:test";
import type { AssetNode } from "../src/model.ts";
import { ageSeconds, ageWords, count, duration, reasonWords, rowsWords, safeLink, spoken, used } from "../src/words.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const asset = (more: Partial<AssetNode> = {}): AssetNode => ({ namespace: "n", name: "a", key: "a", kind: "Count", ...more });

test("durations have two units at most, and no seconds from ten minutes on", () => {
  const cases: [number, string][] = [
    [0, "0s"],
    [-5, "0s"],
    [45.9, "45s"],
    [75, "1m15s"],
    [600, "10m"],
    [659, "10m"],
    [3600, "1h"],
    [5400, "1h30m"],
    [86400 + 59, "1d"],
    [2 * 86400 + 3 * 3600 + 59, "2d3h"],
  ];
  for (const [seconds, text] of cases) assert.equal(duration(seconds), text);
});

test("an age is never negative, and unknown where the time is", () => {
  assert.equal(ageSeconds("2026-11-24T11:59:00.5Z", NOW), 59.5);
  assert.equal(ageSeconds("2026-11-24T12:00:09Z", NOW), 0);
  assert.equal(ageSeconds(undefined, NOW), undefined);
  assert.equal(ageSeconds("yesterday", NOW), undefined);
});

test("age against limit", () => {
  const old = asset({ measuredFrom: "2026-11-24T11:57:00Z" });
  assert.equal(ageWords(old, NOW), "3m old");
  assert.equal(ageWords({ ...old, limitSeconds: 600 }, NOW), "3m of 10m");
  assert.equal(ageWords(asset({ limitSeconds: 600 }), NOW), "– of 10m");
  assert.equal(used({ ...old, limitSeconds: 600 }, NOW), 0.3);
  assert.equal(used({ ...old, limitSeconds: 60 }, NOW), 1);
  assert.equal(used(old, NOW), undefined);
});

test("numbers", () => {
  assert.equal(count(20025), "20,025");
  assert.equal(count(7_230_000), "7.2M");
  assert.equal(rowsWords(1), "1 row");
  assert.equal(rowsWords(0), "0 rows");
  assert.equal(rowsWords(undefined), "");
});

test("only addresses of the web are followed", () => {
  assert.equal(safeLink("https://cloud.getdbt.com/runs/1"), "https://cloud.getdbt.com/runs/1");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "runs/1", ""]) assert.equal(safeLink(bad), undefined);
});

test("a reason that only repeats the state is left out", () => {
  assert.equal(reasonWords(asset({ state: "Fresh", reason: "WithinLimit" })), "");
  assert.equal(reasonWords(asset({ state: "Stale", reason: "LagExceeded: x" })), "LagExceeded: x");
  assert.equal(
    spoken(asset({ state: "Stale", reason: "LagExceeded", rows: 5, measuredFrom: "2026-11-24T11:57:00Z" }), NOW),
    "a, Stale, 3m old, 5 rows, LagExceeded",
  );
});
