/** All edges in one drawing below the cards: solid when consumed, dashed while something waits, moving while it is built. */

import { memo } from "react";
import { useFar } from "./far.ts";
import { path, type Layout, type Route } from "./geometry.ts";
import type { EdgeState, Id } from "./model.ts";
import { useAsset } from "./store.ts";
import { EDGE_LABELS } from "./words.ts";

export const Edges = memo(function Edges({ layout, selected, lit }: { layout: Layout; selected: Id; lit: ReadonlySet<Id> | undefined }) {
  const far = useFar();
  return (
    <svg className="edges" aria-hidden="true">
      {layout.routes.map((route) => (
        <EdgeLine
          key={route.id}
          route={route}
          far={far}
          near={route.source === selected || route.target === selected}
          dim={lit !== undefined && !(lit.has(route.source) && lit.has(route.target))}
        />
      ))}
    </svg>
  );
});

const EdgeLine = memo(function EdgeLine({ route, far, near, dim }: { route: Route; far: boolean; near: boolean; dim: boolean }) {
  const asset = useAsset(route.target);
  const name = route.source.slice(route.source.indexOf("/") + 1);
  const state: EdgeState = asset?.upstreams?.find((edge) => edge.name === name)?.state ?? "NotFound";
  const end = route.points.at(-1) ?? { x: 0, y: 0 };
  const label = EDGE_LABELS[state];
  return (
    <g className={`edge edge-${state}${near ? " near" : ""}${dim ? " dim" : ""}`} data-edge={route.id} data-state={state}>
      <path d={path(route.points)} />
      {!far && <path className="tip" d={`M${end.x - 8} ${end.y - 4.5}L${end.x} ${end.y}L${end.x - 8} ${end.y + 4.5}Z`} />}
      {!far && label && (
        <text x={end.x - 11} y={end.y - 7} textAnchor="end">
          {label}
        </text>
      )}
    </g>
  );
});
