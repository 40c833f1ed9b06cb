/** Where everything stands: ELK's layered layout, from left to right, computed beside the page in a worker. */

import ELK from "elkjs/lib/elk-api.js";
import type { ElkNode } from "elkjs/lib/elk-api.js";
import { fold } from "./fold.ts";
import { HEIGHT, WIDTH, type Layout } from "./geometry.ts";
import { keep, recall } from "./kept.ts";
import { idOf, type AssetNode, type Id } from "./model.ts";
import { upstreamIds } from "./select.ts";

const MANY = 300;

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
