import assert from "node:assert/strict";
import { test } from "node:test";
import type { AssetNode } from "../src/model.ts";
import { ageWords, spoken, standings, used } from "../src/limits.ts";
import { ageSeconds, count, duration, logCommand, policyWords, reasonWords, rowsWords, safeLink, told } from "../src/words.ts";

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
  assert.equal(ageWords(asset({ limitSeconds: 600, limit: "10m" }), NOW), "– of 10m");
  assert.equal(used({ ...old, limitSeconds: 600 }, NOW), 0.3);
  assert.equal(used({ ...old, limitSeconds: 60 }, NOW), 1);
  assert.equal(used(old, NOW), undefined);
});

test("age against a deadline: how long until it, how long since", () => {
  const daily = asset({ measuredFrom: "2026-11-24T06:00:00Z", deadlineAt: "2026-11-24T14:00:00Z", limit: "0 6 * * * + 1h" });
  assert.equal(ageWords(daily, NOW), "6h old, due in 2h");
  assert.equal(used(daily, NOW), 0.75);
  const late = { ...daily, deadlineAt: "2026-11-24T11:30:00Z" };
  assert.equal(ageWords(late, NOW), "6h old, due 30m ago");
  assert.equal(used(late, NOW), 1);
});

test("how long content stayed as it is against how long it may; of several limits the one that is passed first", () => {
  const kept = asset({ measuredFrom: "2026-11-24T11:59:00Z", updatedAt: "2026-11-24T11:00:00Z", unchangedLimitSeconds: 7200 });
  assert.equal(ageWords(kept, NOW), "unchanged 1h of 2h");
  assert.equal(used(kept, NOW), 0.5);
  assert.equal(ageWords({ ...kept, limitSeconds: 600 }, NOW), "1m of 10m");
  assert.equal(ageWords({ ...kept, limitSeconds: 86400 }, NOW), "unchanged 1h of 2h");
  assert.deepEqual(standings({ ...kept, limitSeconds: 600 }, NOW).map((one) => one.words), ["1m of 10m", "unchanged 1h of 2h"]);
});

test("times in a reason are told from now", () => {
  const lines: [string, string][] = [
    ["UpstreamStale (src: last load 2026-11-24 11:46:00Z, Pipeline shop suspended)", "UpstreamStale (src: last load 14m ago, Pipeline shop suspended)"],
    ["UpstreamStale (src: last load 2026-11-24 11:46:00Z, next load 2026-11-24 12:05:00Z)", "UpstreamStale (src: last load 14m ago, next load in 5m)"],
    ["WaitingMinInterval (until 2026-11-24 12:20:00Z): 30m after", "WaitingMinInterval (for another 20m): 30m after"],
    ["Overdue: data newer than 2026-11-24 06:00:00Z was due by 2026-11-24 07:00:00Z", "Overdue: data newer than 6h ago was due 5h ago"],
    ["InputUnchanged: its content has not changed since 2026-11-24 09:00:00Z, for more than 2h", "InputUnchanged: its content has not changed for 3h, for more than 2h"],
    ["RunFailed: line 2026-11-24 of 9", "RunFailed: line 2026-11-24 of 9"],
  ];
  for (const [line, words] of lines) assert.equal(told(line, NOW), words);
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

test("a run that is a Job is followed by the log of its pods, and no other is", () => {
  const id = "0f8a7c52-1111-4222-8333-944445555666";
  const command = `kubectl logs -n n -l batch.kubernetes.io/controller-uid=${id} --tail=-1`;
  for (const kind of ["Source", "Count", "Job"]) assert.equal(logCommand(asset({ kind }), { id }), command);
  assert.equal(logCommand(asset({ kind: "DbtCloud" }), { id }), undefined);
  assert.equal(logCommand(asset(), { id, url: "https://ci.example/7" }), undefined);
  for (const odd of ["", "70403100000004", `${id}; rm -r x`]) assert.equal(logCommand(asset(), { id: odd }), undefined);
});

test("a reason that only repeats the state is left out", () => {
  assert.equal(reasonWords(asset({ state: "Fresh", reason: "WithinLimit" })), "");
  assert.equal(reasonWords(asset({ state: "Stale", reason: "LagExceeded: x" })), "LagExceeded: x");
  assert.equal(
    spoken(asset({ state: "Stale", reason: "LagExceeded", rows: 5, measuredFrom: "2026-11-24T11:57:00Z" }), NOW),
    "a, Stale, 3m old, 5 rows, LagExceeded",
  );
});

test("what is in force is said in words, and what is not known here as it is written", () => {
  const source = { when: "Cron", buildSchedule: "*/5 * * * *", buildTimeZone: "Etc/UTC", buildSince: "2026-11-24T12:00:00Z", limit: "1m", maximumLag: "1m" };
  assert.deepEqual(policyWords({ ...source, objective: "10%" }), ["runs at */5 * * * * (UTC)", "data at most 1m ago", "fresh 10% of the time"]);
  const daily = { when: "AnyUpstreamUpdated", schedule: "0 6 * * *", timeZone: "Europe/Berlin", within: "1h", novel: "x" };
  assert.deepEqual(policyWords(daily), ["built when an upstream has something new", "new by 0 6 * * * (Europe/Berlin) and 1h", "novel x"]);
  const built = { basis: "Update", maximumLag: "2h", warnLag: "1h", minInterval: "5m" };
  assert.deepEqual(policyWords(built), ["not again within 5m", "built at most 2h ago, aging from 1h"]);
  assert.deepEqual(policyWords({}), []);
});
