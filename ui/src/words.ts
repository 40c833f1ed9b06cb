/** How things are written for people. Pure. */

import type { AssetNode, EdgeState, State } from "./model.ts";

/** Worst first: the order of filters, counts and of the table. */
export const STATES: readonly State[] = ["Failed", "Stale", "Missing", "Aging", "Updating", "Suspended", "Fresh"];

/** A sign for each state, so that colour is not all that tells them apart. */
export const SIGNS: Record<State | "Unknown", string> = {
  Failed: "✕",
  Stale: "!",
  Missing: "○",
  Aging: "◔",
  Updating: "↻",
  Suspended: "‖",
  Fresh: "✓",
  Unknown: "?",
};

export const EDGE_WORDS: Record<EdgeState, string> = {
  UpToDate: "up to date: the newest version is in the table",
  Moving: "being built: a run takes in the newest version",
  Considered: "looked at: the newest run left the table as it was",
  Waiting: "waiting: a newer version has not been taken in",
  NotBuilt: "waiting: the upstream was never built",
  NotFound: "the upstream does not exist",
  Declared: "declared: built elsewhere, so that nothing is known of what it took in",
};

/** Beside an edge that is not up to date. */
export const EDGE_LABELS: Partial<Record<EdgeState, string>> = {
  Moving: "building",
  Waiting: "waiting",
  NotBuilt: "never built",
  NotFound: "not found",
};

const UNITS: readonly [string, number][] = [
  ["d", 86400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
];

/** Two units at most: 45s, 14m, 1h30m, 2d3h. Minutes of an age go without seconds, so that cards do not flicker. */
export function duration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds));
  if (rest >= 600) rest -= rest % 60;
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join("") || "0s";
}

/** Seconds since a time, never negative; undefined where the time is not known. */
export function ageSeconds(since: string | undefined, now: number): number | undefined {
  if (since === undefined) return undefined;
  const at = Date.parse(since);
  return Number.isNaN(at) ? undefined : Math.max(0, (now - at) / 1000);
}

const TIMES = /\b(?:(until|by|since) )?(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)Z/g;

/** The times of a line of the operator's, told from now: there they are absolute, since the line is written only when something happens. */
export function told(line: string, now: number): string {
  return line.replace(TIMES, (whole, word: string | undefined, day: string, time: string) => {
    const away = (Date.parse(`${day}T${time}Z`) - now) / 1000;
    if (Number.isNaN(away)) return whole;
    if (away > 0) return word === "until" ? `for another ${duration(away)}` : `in ${duration(away)}`;
    return word === "since" ? `for ${duration(-away)}` : `${duration(-away)} ago`;
  });
}

const NUMBERS = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 20,025 in full; a million and more in short. */
export function count(value: number): string {
  return value < 1_000_000 ? NUMBERS.format(value) : SHORT.format(value);
}

/** "1 asset", "2 assets". */
export function some(value: number, one: string): string {
  return `${NUMBERS.format(value)} ${value === 1 ? one : `${one}s`}`;
}

export function rowsWords(rows: number | undefined): string {
  return rows === undefined ? "" : `${count(rows)} ${rows === 1 ? "row" : "rows"}`;
}

/** A time in the viewer's own zone, down to the second. */
export function moment(at: string | undefined): string {
  if (at === undefined) return "–";
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** The address where it is one that a browser should follow: never javascript: and its like. */
export function safeLink(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  try {
    return ["http:", "https:"].includes(new URL(url).protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}

const BY_JOB = ["Source", "Count", "Job"];

/** What shows the log of a run that is a Job, which has no page of its own: its id is the Job's. */
export function logCommand(asset: AssetNode, run: { id: string; url?: string }): string | undefined {
  if (!BY_JOB.includes(asset.kind) || run.url || !/^[0-9a-f-]{36}$/.test(run.id)) return undefined;
  return `kubectl logs -n ${asset.namespace} -l batch.kubernetes.io/controller-uid=${run.id} --tail=-1`;
}

const WHEN: Record<string, string> = {
  AnyUpstreamUpdated: "built when an upstream has something new",
  AllUpstreamsUpdated: "built when every upstream has something new",
  Missing: "built once, when it is missing",
  Manual: "built when asked",
};

/** What is in force for an asset, as sentences; a setting that is not known here as it is written. */
export function policyWords(policy: Record<string, string>): string[] {
  const { when, buildSchedule, buildTimeZone, maximumLag, warnLag, schedule, timeZone, within, ...more } = policy;
  delete more.limit; // the column's way to say the same
  delete more.buildSince;
  const { maximumUnchanged, objective, basis, minInterval, timeout, ...unknown } = more;
  const zone = (name: string | undefined): string => (name && name !== "Etc/UTC" ? ` (${name})` : " (UTC)");
  const said = [
    when === "Cron" && buildSchedule ? `runs at ${buildSchedule}${zone(buildTimeZone)}` : when && (WHEN[when] ?? `when ${when}`),
    minInterval && `not again within ${minInterval}`,
    maximumLag && `${basis === "Update" ? "built" : "data"} at most ${maximumLag} ago${warnLag ? `, aging from ${warnLag}` : ""}`,
    schedule && `new by ${schedule}${zone(timeZone)}${within ? ` and ${within}` : ""}`,
    maximumUnchanged && `changes within ${maximumUnchanged}`,
    objective && `fresh ${objective} of the time`,
    timeout && `a run takes ${timeout} at most`,
    ...Object.entries(unknown).map(([key, value]) => `${key} ${value}`),
  ];
  return said.filter((words): words is string => Boolean(words));
}

/** The reason where it says more than the state does. */
export function reasonWords(asset: AssetNode): string {
  const reason = asset.reason ?? "";
  return asset.state === "Fresh" && ["WithinLimit", "NoPolicy"].includes(reason) ? "" : reason;
}

export function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} s` : duration(value);
}
