/** The graph: panned, zoomed and culled by React Flow, laid out by ELK, walked by arrow keys. */

import {
  Controls,
  getViewportForBounds,
  MiniMap,
  ReactFlow,
  useReactFlow,
  ViewportPortal,
  type Edge,
  type FitViewOptions,
  type Node,
  type NodeMouseHandler,
  type Viewport,
} from "@xyflow/react";
import { ReactFlowProvider } from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import type { Address } from "./address.ts";
import { AssetCard, type CardData } from "./AssetCard.tsx";
import { Edges } from "./Edges.tsx";
import { useFar, zoomed } from "./far.ts";
import { EMPTY, HEIGHT, neighbour, stopInSight, WIDTH, type Layout, type Sight } from "./geometry.ts";
import { layOut } from "./layout.ts";
import { Legend } from "./Legend.tsx";
import { idOf, type AssetNode, type Id } from "./model.ts";
import { upstreamIds } from "./select.ts";
import { store } from "./store.ts";
import type { Go } from "./useAddress.ts";

const TYPES = { asset: AssetCard };
/** Edges are drawn here; one list, since React Flow asks all cards anew for each other one. */
const NONE: Edge[] = [];
const FEW = 12;
const MIN_ZOOM = 0.02;
const MANY = 40;
/** What lies on a large graph, and shall hide no card where all are shown: the legend and the buttons, and the map. */
const [LEGEND_WIDTH, MAP_WIDTH] = [95, 225];
const TOO_MANY = 4000;
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

interface Props {
  address: Address;
  go: Go;
  shown: readonly AssetNode[];
  /** Those that stand out; undefined: all. */
  matched: ReadonlySet<Id> | undefined;
}

export function GraphView(props: Props) {
  if (props.shown.length > TOO_MANY) {
    return (
      <p className="empty">
        {props.shown.length.toLocaleString("en")} assets are more than can be drawn at a time. Choose a namespace or a pipeline above, look for an
        asset in the{" "}
        <button type="button" onClick={() => props.go({ view: "table" })}>
          table
        </button>{" "}
        and show its lineage.
      </p>
    );
  }
  return (
    <ReactFlowProvider>
      <Graph {...props} />
    </ReactFlowProvider>
  );
}

function Graph({ address, go, shown, matched }: Props) {
  const flow = useReactFlow();
  const pane = useRef<HTMLDivElement>(null);
  const start = useRef<Viewport | undefined>(undefined);
  const seen = useCallback((zoom: number) => {
    zoomed(zoom);
    pane.current?.style.setProperty("--hair", hair(zoom));
  }, []);
  const layout = useLayout(shown, address, (made) => {
    if (start.current || !pane.current) return;
    start.current = firstSight(made, address.asset, pane.current);
    seen(start.current.zoom);
    setSight(sightOf(start.current, pane.current));
  });
  const [sight, setSight] = useState<Sight>();
  const look = useCallback(() => pane.current && setSight(sightOf(flow.getViewport(), pane.current)), [flow]);
  const [active, setActive] = useState<Id>(address.asset);
  const selected = address.asset;
  const entry = useMemo(() => first(layout, matched), [layout, matched]);
  const wanted = layout.places.has(active) ? active : entry;
  const stop = useMemo(() => stopInSight(layout, sight, wanted), [layout, sight, wanted]);
  const nodes = useNodes(layout, { selected, stop, matched });
  const lit = useSteady(matched);
  const far = useFar();

  const show = useCallback(
    (id: Id, zoom?: number) => {
      const place = layout.places.get(id);
      if (!place) return;
      const options = { duration: calm() ? 0 : 200, zoom: zoom ?? Math.max(flow.getZoom(), 0.7) };
      void flow.setCenter(place.x + WIDTH / 2, place.y + HEIGHT / 2, options);
    },
    [flow, layout],
  );

  // A later layout (the first one has its view from the start), and an asset that was chosen elsewhere: a link, the search.
  const known = useRef(EMPTY);
  useEffect(() => {
    const before = known.current;
    known.current = layout;
    if (before === EMPTY) return;
    if (selected && layout.places.has(selected) && layout.places.size > FEW) show(selected, 0.9);
    else void flow.fitView({ padding: room(layout, pane.current, 0.08), maxZoom: 1.1, duration: 0 });
  }, [layout]);
  useEffect(() => {
    // After the panel has taken its part of the width, or given it back.
    const frame = requestAnimationFrame(() => {
      look();
      if (selected && !isInside(pane.current, selected)) show(selected);
    });
    return () => cancelAnimationFrame(frame);
  }, [selected]);

  const click = useCallback<NodeMouseHandler>(
    (_, node) => {
      if (!store.assets.has(node.id)) return;
      setActive(node.id);
      go({ asset: node.id });
    },
    [go],
  );

  const close = useCallback(() => go({ asset: "" }), [go]);
  const moved = useCallback(({ zoom }: Viewport) => seen(zoom), [seen]);
  const whole = useMemo(() => ({ padding: room(layout, pane.current, 0.08) }), [layout, sight]);

  const key = (event: KeyboardEvent): void => {
    const here = event.target instanceof HTMLElement ? event.target.dataset.asset : undefined;
    if (!here) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      go({ asset: here });
    } else if (ARROWS.includes(event.key)) {
      event.preventDefault();
      const there = neighbour(layout, here, event.key);
      if (!there) return;
      setActive(there);
      show(there);
      focusSoon(pane.current, there);
    }
  };

  return (
    <div className="graph" ref={pane} onKeyDown={key} data-far={far || undefined} data-laid-out={layout !== EMPTY} data-nodes={nodes.length}>
      {layout !== EMPTY && (
        <ReactFlow
          nodes={nodes}
          edges={NONE}
          nodeTypes={TYPES}
          onNodeClick={click}
          onPaneClick={close}
          defaultViewport={start.current ?? { x: 0, y: 0, zoom: 1 }}
          onViewportChange={moved}
          onMoveEnd={look}
          minZoom={MIN_ZOOM}
          maxZoom={1.6}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          onlyRenderVisibleElements
          aria-label="Lineage: each button is an asset. Arrow keys go along the lineage, Enter shows the asset. The table says the same in text."
        >
          <ViewportPortal>
            <Edges layout={layout} selected={selected} lit={lit} />
          </ViewportPortal>
          <Controls showInteractive={false} fitViewOptions={whole} />
          {nodes.length > MANY && <Map />}
        </ReactFlow>
      )}
      <Legend />
      {layout === EMPTY && <p className="empty over">Laying out {shown.length} assets …</p>}
    </div>
  );
}

/** States on the map are a second old at most: a thousand rectangles are not drawn again for each event. */
function Map() {
  const [, draw] = useState(0);
  useEffect(() => {
    let seen = store.version;
    const timer = window.setInterval(() => {
      if (seen !== store.version) draw((seen = store.version));
    }, 1000);
    return () => window.clearInterval(timer);
  }, []);
  return (
    <MiniMap pannable zoomable ariaLabel="Map of the lineage" nodeClassName={(node) => `state-${store.assets.get(node.id)?.state ?? "Unknown"}`} />
  );
}

/** The layout of what is shown; the one before stays until the new one is there. */
function useLayout(shown: readonly AssetNode[], address: Address, prepare: (made: Layout) => void): Layout {
  const [layout, setLayout] = useState(EMPTY);
  const structure = useMemo(() => shown.map((asset) => `${idOf(asset)}<${upstreamIds(asset).join()}`).join(";"), [shown]);
  useEffect(() => {
    let wanted = true;
    const missing = (id: Id): boolean => !store.assets.has(id) && !address.focus;
    layOut(shown, missing).then(
      (made) => {
        if (!wanted) return;
        prepare(made);
        setLayout(made);
      },
      (error: unknown) => console.error("The graph could not be laid out", error),
    );
    return () => {
      wanted = false;
    };
  }, [structure]);
  return layout;
}

function useNodes(layout: Layout, { selected, stop, matched }: { selected: Id; stop: Id; matched: ReadonlySet<Id> | undefined }): Node<CardData>[] {
  const kept = useRef(new globalThis.Map<Id, Node<CardData>>());
  return useMemo(() => {
    const made = [...layout.places].map(([id, position]) => {
      const data = { id, dim: matched !== undefined && !matched.has(id), selected: id === selected, reachable: id === stop };
      const old = kept.current.get(id);
      return old && same(old.data, data) && old.position === position
        ? old
        : { id, type: "asset", position, data, width: WIDTH, height: HEIGHT, measured: { width: WIDTH, height: HEIGHT } };
    });
    kept.current = new globalThis.Map(made.map((node) => [node.id, node]));
    return made;
  }, [layout, selected, stop, matched]);
}

function same(a: CardData, b: CardData): boolean {
  return a.dim === b.dim && a.selected === b.selected && a.reachable === b.reachable;
}

/** The same set as long as it has the same members. */
function useSteady(set: ReadonlySet<Id> | undefined): ReadonlySet<Id> | undefined {
  const kept = useRef(set);
  const old = kept.current;
  if (old?.size !== set?.size || [...(set ?? [])].some((id) => !old?.has(id))) kept.current = set;
  return kept.current;
}

/** The view to begin with: all of it, or the asset that the address names. */
function firstSight(layout: Layout, selected: Id, pane: HTMLElement): Viewport {
  const [width, height, place] = [pane.clientWidth, pane.clientHeight, layout.places.get(selected)];
  if (place && layout.places.size > FEW) {
    const zoom = 0.9;
    return { x: width / 2 - (place.x + WIDTH / 2) * zoom, y: height / 2 - (place.y + HEIGHT / 2) * zoom, zoom };
  }
  return getViewportForBounds({ x: 0, y: 0, width: layout.width, height: layout.height }, width, height, MIN_ZOOM, 1.1, room(layout, pane, 0.04));
}

/** The share of the pane that is left free around a graph, and where what lies on it would hide a part of it. */
function room(layout: Layout, pane: HTMLElement | null, share: number): NonNullable<FitViewOptions["padding"]> {
  const covered = layout.places.size > MANY && (pane?.clientWidth ?? 0) > 4 * MAP_WIDTH;
  return covered ? { y: `${50 * share}%`, left: `${LEGEND_WIDTH}px`, right: `${MAP_WIDTH}px` } : share;
}

function sightOf({ x, y, zoom }: Viewport, pane: HTMLElement): Sight {
  return { x: -x / zoom, y: -y / zoom, width: pane.clientWidth / zoom, height: pane.clientHeight / zoom };
}

/** Where the Tab key goes first: the leftmost, uppermost of those that stand out. */
function first(layout: Layout, matched: ReadonlySet<Id> | undefined): Id {
  const found = [...layout.places].filter(([id]) => !layout.ghosts.has(id) && (!matched || matched.has(id)));
  return found.sort(([, a], [, b]) => a.x - b.x || a.y - b.y)[0]?.[0] ?? "";
}

/** A card that was out of sight is drawn when the view has moved to it. */
function focusSoon(pane: HTMLElement | null, id: Id, tries = 40): void {
  const card = cardOf(pane, id);
  if (card) card.focus({ preventScroll: true });
  else if (tries > 0) window.setTimeout(() => focusSoon(pane, id, tries - 1), 25);
}

function isInside(pane: HTMLElement | null, id: Id): boolean {
  const [card, all] = [cardOf(pane, id)?.getBoundingClientRect(), pane?.getBoundingClientRect()];
  return (
    card !== undefined && all !== undefined && card.left >= all.left && card.right <= all.right && card.top >= all.top && card.bottom <= all.bottom
  );
}

function cardOf(pane: HTMLElement | null, id: Id): HTMLElement | null {
  return pane?.querySelector<HTMLElement>(`[data-asset="${CSS.escape(id)}"]`) ?? null;
}

/** The width of a line that is about a pixel on the screen, in steps, so that zooming does not draw all lines anew. */
function hair(zoom: number): string {
  return `${2 ** Math.round(Math.log2(1 / zoom))}px`;
}

function calm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
