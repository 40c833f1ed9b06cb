/** Where everything stands: ELK's layered layout, from left to right, computed beside the page in a worker. */

import ELK from "elkjs/lib/elk-api.js";
import type { ElkNode } from "elkjs/lib/elk-api.js";
import { fold } from "./fold.ts";
import { keep, recall } from "./kept.ts";
import { idOf, type AssetNode, type Id } from "./model.ts";
import { upstreamIds } from "./select.ts";

export const WIDTH = 252;
export const HEIGHT = 98;
const MANY = 300;

export interface Point {
  x: number;
  y: number;
}

/** An edge from an upstream to an asset, along these points. */
export interface Route {
  id: string;
  source: Id;
  target: Id;
  points: Point[];
}

export interface Layout {
  places: Map<Id, Point>;
  routes: Route[];
  /** Upstreams that are named and not laid out otherwise: they do not exist, or belong to another pipeline. */
  ghosts: Set<Id>;
  width: number;
  height: number;
}

export const EMPTY: Layout = { places: new Map(), routes: [], ghosts: new Set(), width: 0, height: 0 };

/** The graph as ELK wants it. `asGhost` says which absent upstreams are shown nevertheless. Pure. */
export function problem(assets: readonly AssetNode[], asGhost: (id: Id) => boolean): { graph: ElkNode; ghosts: Set<Id> } {
  const ids = new Set(assets.map(idOf));
  const ghosts = new Set<Id>();
  const edges = [];
  for (const asset of assets) {
    for (const upstream of upstreamIds(asset)) {
      if (!ids.has(upstream) && !asGhost(upstream)) continue;
      if (!ids.has(upstream)) ghosts.add(upstream);
      edges.push({ id: `${upstream} ${idOf(asset)}`, sources: [upstream], targets: [idOf(asset)] });
    }
  }
  const children = [...ids, ...ghosts].map((id) => ({ id, width: WIDTH, height: HEIGHT }));
  return { graph: { id: "root", children, edges, layoutOptions: options(children.length) }, ghosts };
}

function options(size: number): Record<string, string> {
  return {
    "elk.algorithm": "layered",
    "elk.direction": "RIGHT",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.spacing.nodeNode": "22",
    "elk.spacing.componentComponent": "44",
    "elk.layered.spacing.nodeNodeBetweenLayers": "84",
    "elk.layered.spacing.edgeNodeBetweenLayers": "24",
    "elk.spacing.edgeNode": "16",
    "elk.aspectRatio": "1.7",
    "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
    "elk.layered.nodePlacement.favorStraightEdges": "true",
    "elk.layered.layering.strategy": size > MANY ? "LONGEST_PATH_SOURCE" : "NETWORK_SIMPLEX",
    "elk.layered.considerModelOrder.strategy": size > MANY ? "NONE" : "NODES_AND_EDGES",
    "elk.layered.thoroughness": size > MANY ? "2" : "7",
  };
}

/** Places and routes out of ELK's answer. Pure. */
export function solution(graph: ElkNode, ghosts: Set<Id>): Layout {
  const places = new Map((graph.children ?? []).map((node) => [node.id, { x: node.x ?? 0, y: node.y ?? 0 }]));
  const routes = (graph.edges ?? []).flatMap((edge) => {
    const [source, target, section] = [edge.sources[0], edge.targets[0], edge.sections?.[0]];
    if (source === undefined || target === undefined || !section) return [];
    return [{ id: edge.id, source, target, points: [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] }];
  });
  return { places, routes, ghosts, width: graph.width ?? 0, height: graph.height ?? 0 };
}

declare const LAYOUT_WORKER: string;
let engine: InstanceType<typeof ELK> | undefined;

/** Begin to load the engine, which is larger than the page. */
export function warm(): InstanceType<typeof ELK> {
  engine ??= new ELK({ workerUrl: new URL(LAYOUT_WORKER, document.baseURI).href });
  return engine;
}

export async function layOut(assets: readonly AssetNode[], asGhost: (id: Id) => boolean): Promise<Layout> {
  const { graph, ghosts } = problem(assets, asGhost);
  if (assets.length <= MANY) return solution(await warm().layout(graph), ghosts);
  const known = recall(graph);
  const answer = known ?? (await warm().layout(graph));
  if (!known) keep(graph, answer);
  return fold(solution(answer, ghosts), { width: WIDTH, height: HEIGHT });
}

/** An SVG path along the points, its corners rounded. Pure. */
export function path(points: readonly Point[], radius = 10): string {
  const [first, ...rest] = points;
  if (!first) return "";
  const parts = [`M${first.x} ${first.y}`];
  rest.forEach((here, index) => {
    const before = points[index] ?? here;
    const after = rest[index + 1];
    if (!after) {
      parts.push(`L${here.x} ${here.y}`);
      return;
    }
    const r = Math.min(radius, distance(before, here) / 2, distance(here, after) / 2);
    const [a, b] = [towards(here, before, r), towards(here, after, r)];
    parts.push(`L${a.x} ${a.y}Q${here.x} ${here.y} ${b.x} ${b.y}`);
  });
  return parts.join("");
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function towards(from: Point, to: Point, length: number): Point {
  const all = distance(from, to) || 1;
  return { x: from.x + ((to.x - from.x) * length) / all, y: from.y + ((to.y - from.y) * length) / all };
}

/** The asset to go to by an arrow key: along an edge, or to the neighbour in the same column. Pure. */
export function neighbour(layout: Layout, from: Id, key: string): Id | undefined {
  const here = layout.places.get(from);
  if (!here) return undefined;
  const found = candidates(layout, from, here, key).filter((id) => !layout.ghosts.has(id));
  const far = (id: Id): number => distance(here, layout.places.get(id) ?? here);
  return found.reduce<Id | undefined>((best, id) => (best === undefined || far(id) < far(best) ? id : best), undefined);
}

function candidates(layout: Layout, from: Id, here: Point, key: string): Id[] {
  if (key === "ArrowLeft") return layout.routes.filter((route) => route.target === from).map((route) => route.source);
  if (key === "ArrowRight") return layout.routes.filter((route) => route.source === from).map((route) => route.target);
  const sign = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
  return [...layout.places].flatMap(([id, place]) => (sign !== 0 && Math.abs(place.x - here.x) < WIDTH && (place.y - here.y) * sign > 0 ? [id] : []));
}
