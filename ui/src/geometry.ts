/** What a layout is: where cards stand, how edges run, and how one walks from card to card. Pure. */

import type { Id } from "./model.ts";

export const WIDTH = 252;
export const HEIGHT = 98;

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

/** What is seen of the graph, in its own coordinates. */
export interface Sight extends Point {
  width: number;
  height: number;
}

/** Where the Tab key stops: where it should, or, since only what is in sight is drawn, at what is nearest to the middle. Pure. */
export function stopInSight(layout: Layout, sight: Sight | undefined, wanted: Id): Id {
  const place = layout.places.get(wanted);
  if (!sight || (place && isSeen(place, sight))) return wanted;
  const middle = { x: sight.x + (sight.width - WIDTH) / 2, y: sight.y + (sight.height - HEIGHT) / 2 };
  const seen = [...layout.places].filter(([id, at]) => isSeen(at, sight) && !layout.ghosts.has(id));
  const nearest = seen.reduce<[Id, number] | undefined>((best, [id, at]) => {
    const far = distance(at, middle);
    return best === undefined || far < best[1] ? [id, far] : best;
  }, undefined);
  return nearest?.[0] ?? wanted;
}

function isSeen(at: Point, sight: Sight): boolean {
  return at.x + WIDTH > sight.x && at.x < sight.x + sight.width && at.y + HEIGHT > sight.y && at.y < sight.y + sight.height;
}

function candidates(layout: Layout, from: Id, here: Point, key: string): Id[] {
  if (key === "ArrowLeft") return layout.routes.filter((route) => route.target === from).map((route) => route.source);
  if (key === "ArrowRight") return layout.routes.filter((route) => route.source === from).map((route) => route.target);
  const sign = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
  return [...layout.places].flatMap(([id, place]) => (sign !== 0 && Math.abs(place.x - here.x) < WIDTH && (place.y - here.y) * sign > 0 ? [id] : []));
}
