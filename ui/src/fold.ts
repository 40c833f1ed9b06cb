/**
 * A large graph of few layers is a tower of hundreds of cards in a column. Each layer is folded into several columns
 * here, in ELK's order from top to bottom, until the whole is about as wide as a screen.
 */

import type { Layout, Point, Route } from "./geometry.ts";

const ASPECT = 1.7;
const BETWEEN = { x: 28, y: 22 };
const LANES = 24;
const LANE = 12;
/** Where edges leave and enter between two columns. */
const [OUT, IN] = [7, 15];

interface Size {
  width: number;
  height: number;
}

/** The layout, folded if it is higher than wide. Routes then go between layers; below the cards where they must. Pure. */
export function fold(layout: Layout, card: Size): Layout {
  if (layout.height <= layout.width || layout.places.size === 0) return layout;
  const layers = inLayers(layout);
  const rows = rowsFor(layers, card);
  const height = rows * (card.height + BETWEEN.y);
  const places = new Map<string, Point>();
  const starts = new Map<string, number>();
  let x = 0;
  for (const layer of layers) {
    const columns = Math.ceil(layer.length / rows);
    const step = height / Math.ceil(layer.length / columns);
    layer.forEach((id, n) => {
      places.set(id, { x: x + (n % columns) * (card.width + BETWEEN.x), y: Math.round((Math.floor(n / columns) + 0.5) * step - card.height / 2) });
      starts.set(id, x);
    });
    x += widthOf(columns, card);
  }
  const routes = layout.routes.map((route, n) => routed(route, n, { places, starts, card }));
  return { ...layout, places, routes, width: x - (LANES + 2) * LANE, height };
}

/** How many generations are above each, whichever part of the graph it is in; of one generation, from top to bottom. */
function inLayers(layout: Layout): string[][] {
  const layers: string[][] = [];
  const depth = depths(layout);
  const ordered = [...layout.places].sort(([, a], [, b]) => a.y - b.y || a.x - b.x);
  for (const [id] of ordered) (layers[depth.get(id) ?? 0] ??= []).push(id);
  return layers.filter((layer) => layer !== undefined);
}

/** ELK has put upstreams to the left, so that they come first; edges that close a ring go to the left and do not count. */
function depths(layout: Layout): Map<string, number> {
  const x = (id: string): number => layout.places.get(id)?.x ?? 0;
  const found = new Map<string, number>();
  for (const { source, target } of [...layout.routes].sort((a, b) => x(a.source) - x(b.source))) {
    if (x(source) < x(target)) found.set(target, Math.max(found.get(target) ?? 0, (found.get(source) ?? 0) + 1));
  }
  return found;
}

function rowsFor(layers: string[][], card: Size): number {
  const most = Math.max(...layers.map((layer) => layer.length));
  for (let rows = 1; rows < most; rows += 1) {
    const width = layers.reduce((sum, layer) => sum + widthOf(Math.ceil(layer.length / rows), card), 0);
    if (width <= ASPECT * rows * (card.height + BETWEEN.y)) return rows;
  }
  return most;
}

/** Of so many columns, and of the lanes to the right of them. */
function widthOf(columns: number, card: Size): number {
  return columns * (card.width + BETWEEN.x) + (LANES + 2) * LANE;
}

/** Between the cards: above the source into a lane before the target's layer, along it, and above the target to its left. */
function routed(route: Route, n: number, { places, starts, card }: { places: Map<string, Point>; starts: Map<string, number>; card: Size }): Route {
  const [source, target] = [places.get(route.source), places.get(route.target)];
  if (!source || !target) return route;
  const [from, to] = [source.y + card.height / 2, target.y + card.height / 2];
  const lane = (starts.get(route.target) ?? target.x) - (2 + (n % LANES)) * LANE;
  const points = [
    { x: source.x + card.width, y: from },
    { x: source.x + card.width + OUT, y: from },
    { x: source.x + card.width + OUT, y: source.y - BETWEEN.y / 2 },
    { x: lane, y: source.y - BETWEEN.y / 2 },
    { x: lane, y: target.y - BETWEEN.y / 2 },
    { x: target.x - IN, y: target.y - BETWEEN.y / 2 },
    { x: target.x - IN, y: to },
    { x: target.x, y: to },
  ];
  return { ...route, points };
}
