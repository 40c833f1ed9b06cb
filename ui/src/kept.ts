/**
 * Layouts that this browser has computed before. ELK takes seconds for a thousand assets, while what is laid out rarely
 * changes: whoever comes back, or takes a filter off again, sees the graph at once and as it was.
 */

import type { ElkNode } from "elkjs/lib/elk-api.js";

const KEY = "freshet-layouts";
const KEPT = 4;

/** A layout in numbers: nodes and edges are in the order of the graph that it answers. */
interface Entry {
  of: string;
  size: [number, number];
  places: [number, number][];
  routes: number[][];
}

export type Shelf = Pick<Storage, "getItem" | "setItem">;

/** Everything that ELK was given, as a short text. FNV-1a twice, forwards and backwards: no cryptography is needed. */
export function signature(graph: ElkNode): string {
  const text = JSON.stringify([graph.layoutOptions, graph.children, graph.edges]);
  let [forth, back] = [0x811c9dc5, 0x811c9dc5];
  for (let at = 0; at < text.length; at += 1) {
    forth = Math.imul(forth ^ text.charCodeAt(at), 0x01000193);
    back = Math.imul(back ^ text.charCodeAt(text.length - 1 - at), 0x01000193);
  }
  return [text.length, forth >>> 0, back >>> 0].join("-");
}

/** ELK's answer for the same graph, if it is kept. */
export function recall(graph: ElkNode, shelf: Shelf | undefined = browsers()): ElkNode | undefined {
  const of = signature(graph);
  const found = read(shelf).find((entry) => entry.of === of);
  if (!found) return undefined;
  return {
    ...graph,
    width: found.size[0],
    height: found.size[1],
    children: (graph.children ?? []).map((node, n) => ({ ...node, x: found.places[n]?.[0] ?? 0, y: found.places[n]?.[1] ?? 0 })),
    edges: (graph.edges ?? []).map((edge, n) => ({ ...edge, sections: section(edge.id, found.routes[n] ?? []) })),
  };
}

/** Keep ELK's answer beside those of the last few graphs. */
export function keep(graph: ElkNode, answer: ElkNode, shelf: Shelf | undefined = browsers()): void {
  const entry: Entry = {
    of: signature(graph),
    size: [Math.round(answer.width ?? 0), Math.round(answer.height ?? 0)],
    places: (answer.children ?? []).map((node) => [Math.round(node.x ?? 0), Math.round(node.y ?? 0)]),
    routes: (answer.edges ?? []).map((edge) => points(edge.sections?.[0])),
  };
  const others = read(shelf).filter((known) => known.of !== entry.of);
  try {
    shelf?.setItem(KEY, JSON.stringify([entry, ...others].slice(0, KEPT)));
  } catch {
    // A browser that keeps nothing, or not so much, computes it again the next time.
  }
}

/** Is there any? Then the engine is loaded only when it is needed. */
export function any(shelf: Shelf | undefined = browsers()): boolean {
  return read(shelf).length > 0;
}

function read(shelf: Shelf | undefined): Entry[] {
  try {
    const found: unknown = JSON.parse(shelf?.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? (found as Entry[]).filter((entry) => Array.isArray(entry?.places) && Array.isArray(entry.routes)) : [];
  } catch {
    return [];
  }
}

function browsers(): Shelf | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

type Section = NonNullable<NonNullable<ElkNode["edges"]>[number]["sections"]>[number];

function points(section: Section | undefined): number[] {
  if (!section) return [];
  const all = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  return all.flatMap(({ x, y }) => [Math.round(x), Math.round(y)]);
}

function section(id: string, flat: number[]): Section[] {
  const all = [];
  for (let n = 0; n + 1 < flat.length; n += 2) all.push({ x: flat[n] ?? 0, y: flat[n + 1] ?? 0 });
  const [startPoint, endPoint] = [all[0], all.at(-1)];
  return startPoint && endPoint && all.length > 1 ? [{ id: `${id} 0`, startPoint, endPoint, bendPoints: all.slice(1, -1) }] : [];
}
