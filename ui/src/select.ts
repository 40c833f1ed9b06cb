/** Which assets are laid out, which of them stand out, and what lies above and below one. Pure. */

import { idOf, type AssetNode, type Id } from "./model.ts";
import { standings } from "./limits.ts";
import { ageSeconds, STATES } from "./words.ts";
import type { Address, Direction } from "./address.ts";

export type Assets = ReadonlyMap<Id, AssetNode>;

/** The ids of an asset's upstreams, those that do not exist included. */
export function upstreamIds(asset: AssetNode): Id[] {
  return (asset.upstreams ?? []).map((edge) => `${asset.namespace}/${edge.name}`);
}

/** For each asset, those that name it as an upstream. */
export function downstreams(assets: Assets): Map<Id, Id[]> {
  const below = new Map<Id, Id[]>();
  for (const [id, asset] of assets) {
    for (const upstream of upstreamIds(asset)) {
      const known = below.get(upstream);
      if (known) known.push(id);
      else below.set(upstream, [id]);
    }
  }
  return below;
}

/** An asset and all its ancestors, descendants, or both. */
export function lineage(assets: Assets, start: Id, direction: Direction): Set<Id> {
  const below = direction === "up" ? new Map<Id, Id[]>() : downstreams(assets);
  const above = (id: Id): Id[] => {
    const asset = assets.get(id);
    return asset ? upstreamIds(asset) : [];
  };
  const found = new Set<Id>([start]);
  if (direction !== "down") walk(start, above, found);
  if (direction !== "up") walk(start, (id) => below.get(id) ?? [], found);
  return found;
}

function walk(start: Id, next: (id: Id) => Id[], found: Set<Id>): void {
  const seen = new Set<Id>([start]);
  const queue = [start];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    for (const id of next(here)) {
      if (seen.has(id)) continue;
      seen.add(id);
      found.add(id);
      queue.push(id);
    }
  }
}

/** What is laid out: namespace, pipeline and focus decide. What changes from minute to minute does not. */
export function scope(assets: Assets, address: Address): AssetNode[] {
  const focused = assets.has(address.focus) ? lineage(assets, address.focus, address.direction) : undefined;
  return [...assets.values()].filter(
    (asset) =>
      (!address.namespace || asset.namespace === address.namespace) &&
      (!address.pipeline || asset.pipeline === address.pipeline) &&
      (!focused || focused.has(idOf(asset))),
  );
}

/** Which of them stand out: state and search decide. */
export function matches(assets: readonly AssetNode[], address: Address): AssetNode[] {
  const words = address.search.toLowerCase().split(/\s+/).filter(Boolean);
  return assets.filter(
    (asset) =>
      (address.states.length === 0 || (asset.state !== undefined && address.states.includes(asset.state))) &&
      words.every((word) => haystack(asset).includes(word)),
  );
}

/** The one to go to from the one that is open: by name, and from the last to the first. */
export function nextFound(found: readonly Id[], open: Id, by: 1 | -1): Id | undefined {
  const ids = [...found].sort();
  const at = ids.indexOf(open);
  return at < 0 ? ids[by > 0 ? 0 : ids.length - 1] : ids[(at + by + ids.length) % ids.length];
}

function haystack(asset: AssetNode): string {
  return [asset.namespace, asset.name, asset.key, asset.kind, asset.pipeline, asset.state, asset.reason].join(" ").toLowerCase();
}

export type Column = "state" | "name" | "age" | "limit" | "rows" | "pipeline" | "kind";

/** In the order of a column; equal ones by name. Unknown values come last, whatever the order. */
export function sorted(assets: readonly AssetNode[], column: Column, descending: boolean, now: number): AssetNode[] {
  const value = VALUES[column];
  const sign = descending ? -1 : 1;
  return [...assets].sort((a, b) => {
    const [x, y] = [value(a, now), value(b, now)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined) || byName(a, b);
    return (x < y ? -sign : x > y ? sign : 0) || byName(a, b);
  });
}

const VALUES: Record<Column, (asset: AssetNode, now: number) => string | number | undefined> = {
  state: (asset) => (asset.state ? STATES.indexOf(asset.state) : undefined),
  name: (asset) => asset.name,
  age: (asset, now) => ageSeconds(asset.measuredFrom, now),
  limit: (asset, now) => standings(asset, now)[0]?.left,
  rows: (asset) => asset.rows,
  pipeline: (asset) => asset.pipeline,
  kind: (asset) => asset.kind,
};

function byName(a: AssetNode, b: AssetNode): number {
  return idOf(a) < idOf(b) ? -1 : idOf(a) > idOf(b) ? 1 : 0;
}
