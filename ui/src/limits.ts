/** Age against limit, whatever kind of limit: a lag, a deadline of a schedule, content that must move. Pure. */

import type { AssetNode } from "./model.ts";
import { ageSeconds, duration, reasonWords, rowsWords, told } from "./words.ts";

/** One limit: how it stands in words, the share of it that is used up (0 to 1), and in how many seconds it is passed. */
export interface Standing {
  words: string;
  used: number;
  left: number;
}

/** All limits of the asset, the one first that is passed first. */
export function standings(asset: AssetNode, now: number): Standing[] {
  const found = [lag(asset, now), deadline(asset, now), unchanged(asset, now)];
  return found.filter((one) => one !== undefined).sort((a, b) => a.left - b.left);
}

function lag(asset: AssetNode, now: number): Standing | undefined {
  const age = ageSeconds(asset.measuredFrom, now);
  const limit = asset.limitSeconds;
  if (age === undefined || !limit) return undefined;
  return { words: `${duration(age)} of ${duration(limit)}`, used: Math.min(1, age / limit), left: limit - age };
}

function deadline(asset: AssetNode, now: number): Standing | undefined {
  const age = ageSeconds(asset.measuredFrom, now);
  const at = asset.deadlineAt === undefined ? NaN : Date.parse(asset.deadlineAt);
  if (age === undefined || Number.isNaN(at)) return undefined;
  const left = (at - now) / 1000;
  const due = left > 0 ? `due in ${duration(left)}` : `due ${duration(-left)} ago`;
  return { words: `${duration(age)} old, ${due}`, used: left > 0 ? age / (age + left) : 1, left };
}

function unchanged(asset: AssetNode, now: number): Standing | undefined {
  const age = ageSeconds(asset.updatedAt, now);
  const limit = asset.unchangedLimitSeconds;
  if (age === undefined || !limit) return undefined;
  return { words: `unchanged ${duration(age)} of ${duration(limit)}`, used: Math.min(1, age / limit), left: limit - age };
}

/** "3m of 10m", "8h old, due in 16h", "unchanged 1h of 2h"; "3m old" where there is no limit, "–" where nothing is known. */
export function ageWords(asset: AssetNode, now: number): string {
  const [first] = standings(asset, now);
  if (first) return first.words;
  const age = ageSeconds(asset.measuredFrom, now);
  if (age !== undefined) return `${duration(age)} old`;
  return asset.limit ? `– of ${asset.limit}` : "–";
}

/** The share that is used up of the limit which is passed first; undefined where there is none. */
export function used(asset: AssetNode, now: number): number | undefined {
  return standings(asset, now)[0]?.used;
}

/** What a screen reader says of an asset. */
export function spoken(asset: AssetNode, now: number): string {
  const rows = rowsWords(asset.rows);
  return [asset.name, asset.state ?? "not seen yet", ageWords(asset, now), rows, told(reasonWords(asset), now)].filter(Boolean).join(", ");
}
