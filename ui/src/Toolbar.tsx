/** Search, filters, the two views, the theme, and how many assets are in which state. */

import { useMemo, useState } from "react";
import type { Address } from "./address.ts";
import { idOf, type AssetNode, type State } from "./model.ts";
import { nextFound } from "./select.ts";
import { store, useAsset, useConnection, useVersion } from "./store.ts";
import { next, show, stored } from "./theme.ts";
import type { Go } from "./useAddress.ts";
import { SIGNS, some, STATES } from "./words.ts";

interface Props {
  address: Address;
  go: Go;
  shown: readonly AssetNode[];
  found: readonly AssetNode[];
}

export function Toolbar({ address, go, shown, found }: Props) {
  const step = (by: 1 | -1): void => {
    const id = nextFound(found.map(idOf), address.asset, by);
    if (id) go({ asset: id });
  };
  return (
    <header>
      <h1>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2 5c4-4 8 4 12 0M2 11c4-4 8 4 12 0" />
        </svg>
        freshet <span>lineage</span>
      </h1>
      <search>
        <input
          id="search"
          type="search"
          placeholder="Search  /"
          aria-label="Search assets by name, key, kind, state or reason"
          value={address.search}
          onChange={(event) => go({ search: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
            if (event.key === "Escape") go({ search: "" });
          }}
        />
        <Places address={address} go={go} />
      </search>
      <States address={address} go={go} shown={shown} />
      <p className="tally" data-testid="tally">
        {found.length === shown.length ? some(shown.length, "asset") : `${found.length} of ${some(shown.length, "asset")}`}
      </p>
      {address.focus && (
        <button type="button" className="focused" onClick={() => go({ focus: "" })} title="Show all assets again">
          <Focused address={address} /> <span aria-hidden="true">✕</span>
        </button>
      )}
      <div className="views" role="group" aria-label="View">
        {(["graph", "table"] as const).map((view) => (
          <button key={view} type="button" aria-pressed={address.view === view} onClick={() => go({ view })}>
            {view === "graph" ? "Graph" : "Table"}
          </button>
        ))}
      </div>
      <ThemeButton />
      <Light />
    </header>
  );
}

function Focused({ address }: Pick<Props, "address">) {
  const name = address.focus.split("/")[1];
  if (useAsset(address.focus) === undefined && store.assets.size > 0) return <>{name} does not exist: all assets are shown</>;
  return (
    <>
      {DIRECTIONS[address.direction]} {name}
      <span className="unseen">, show all assets again</span>
    </>
  );
}

const DIRECTIONS = { both: "Lineage of", up: "Ancestors of", down: "Descendants of" };

function Places({ address, go }: Pick<Props, "address" | "go">) {
  const version = useVersion();
  const { namespaces, pipelines } = useMemo(() => {
    const all = [...store.assets.values()];
    const here = all.filter((asset) => !address.namespace || asset.namespace === address.namespace);
    return {
      namespaces: [...new Set([...all.map((asset) => asset.namespace), address.namespace])].filter(Boolean).sort(),
      pipelines: [...new Set([...here.map((asset) => asset.pipeline ?? ""), address.pipeline])].filter(Boolean).sort(),
    };
  }, [version, address.namespace, address.pipeline]);
  return (
    <>
      {namespaces.length > 1 && (
        <select aria-label="Namespace" value={address.namespace} onChange={(event) => go({ namespace: event.target.value, pipeline: "" })}>
          <option value="">All namespaces</option>
          {namespaces.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <select aria-label="Pipeline" value={address.pipeline} onChange={(event) => go({ pipeline: event.target.value })}>
        <option value="">All pipelines</option>
        {pipelines.map((name) => (
          <option key={name} value={name}>
            {name + suspended(address.namespace, name)}
          </option>
        ))}
      </select>
    </>
  );
}

function suspended(namespace: string, name: string): string {
  const found = [...store.pipelines.values()].filter((each) => each.name === name && (!namespace || each.namespace === namespace));
  if (found.length === 0) return "";
  if (found.every((each) => each.suspended)) return " (suspended)";
  return found.some((each) => each.ready === false) ? " (not ready)" : "";
}

function States({ address, go, shown }: Omit<Props, "found">) {
  const counts = useMemo(() => {
    const found = new Map<State, number>();
    for (const asset of shown) if (asset.state) found.set(asset.state, (found.get(asset.state) ?? 0) + 1);
    return found;
  }, [shown]);
  const toggle = (state: State): void => {
    const chosen = address.states.includes(state);
    go({ states: chosen ? address.states.filter((each) => each !== state) : [...address.states, state] });
  };
  return (
    <div className="states" role="group" aria-label="Show only these states">
      {STATES.filter((state) => counts.has(state) || address.states.includes(state)).map((state) => (
        <button
          key={state}
          type="button"
          className={`chip state-${state}`}
          aria-pressed={address.states.includes(state)}
          onClick={() => toggle(state)}
        >
          <span aria-hidden="true">{SIGNS[state]}</span> {state} <b>{counts.get(state) ?? 0}</b>
        </button>
      ))}
    </div>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(stored);
  const signs = { auto: "◐", light: "☀", dark: "☾" };
  const change = (): void => {
    const after = next(theme);
    show(after);
    setTheme(after);
  };
  return (
    <button type="button" className="theme" onClick={change} aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`}>
      {signs[theme]}
    </button>
  );
}

function Light() {
  const connection = useConnection();
  const words = { loading: "Loading", live: "Live", resting: "Connecting", lost: "Connecting" };
  return (
    <span className={`connection ${connection}`} role="status" data-testid="connection">
      {words[connection]}
    </span>
  );
}
