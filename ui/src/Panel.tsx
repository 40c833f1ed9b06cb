/** All about one asset, beside the graph. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode, type RefObject } from "react";
import type { Address, Direction } from "./address.ts";
import { KINDS, Meter, Reason, Since } from "./AssetCard.tsx";
import { ageWords, standings } from "./limits.ts";
import { EDGE_WORDS, SIGNS, count, moment, policyWords, seconds } from "./words.ts";
import { useTicking } from "./clock.ts";
import { Copy } from "./Copy.tsx";
import type { AssetNode, Detail, Id } from "./model.ts";
import { BadRows, Checks, Conditions, Manifest, Runs } from "./PanelTables.tsx";
import { downstreams } from "./select.ts";
import { store, useAsset, useStructure } from "./store.ts";
import type { Go } from "./useAddress.ts";

export function Panel({ id, address, go }: { id: Id; address: Address; go: Go }) {
  const asset = useAsset(id);
  const [detail, trouble] = useDetail(id, asset);
  const [aside, heading] = [useRef<HTMLElement>(null), useRef<HTMLHeadingElement>(null)];
  useKeptFocus(id, aside, heading);
  const name = id.slice(id.indexOf("/") + 1);
  const below = useBelow(id);

  return (
    <aside
      ref={aside}
      className={`panel state-${asset?.state ?? "Unknown"}`}
      aria-labelledby="panel-title"
      data-testid="panel"
      data-detail={detail ? "loaded" : "loading"}
    >
      <div className="panel-head">
        <h2 id="panel-title" ref={heading} tabIndex={-1}>
          {name}
        </h2>
        <button type="button" className="close" onClick={() => go({ asset: "" })} aria-label="Close details" title="Close (Esc)">
          ✕
        </button>
      </div>
      {asset ? <Head asset={asset} /> : <p className="why">There is no such asset now.</p>}
      {asset && <Focus id={id} address={address} go={go} />}
      {trouble && <p className="banner">{trouble}</p>}
      {detail && asset && (
        <>
          <Facts asset={asset} detail={detail} />
          <Neighbours
            title="Upstreams"
            namespace={asset.namespace}
            go={go}
            rows={(detail.upstreams ?? []).map((up) => ({ name: up.name, text: EDGE_WORDS[up.state], state: up.state }))}
          />
          <Neighbours title="Downstreams" namespace={asset.namespace} go={go} rows={below} />
          <Runs detail={detail} />
          <BadRows detail={detail} />
          <Checks detail={detail} />
          <Conditions detail={detail} />
          <Manifest id={id} asset={asset} />
          <Commands asset={asset} />
        </>
      )}
    </aside>
  );
}

/** Whether the panel that was just taken away had the keyboard. */
let homeless = false;

/** The keyboard goes to the next panel where one follows, else back to the asset's card or row: never to nowhere. */
function useKeptFocus(id: Id, aside: RefObject<HTMLElement | null>, heading: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    if (homeless) heading.current?.focus({ preventScroll: true });
    homeless = false;
    const here = aside.current;
    return () => {
      homeless = here?.contains(document.activeElement) ?? false;
      queueMicrotask(() => {
        if (homeless) home(id)?.focus();
        homeless = false;
      });
    };
  }, []);
}

function home(id: Id): HTMLElement | null {
  const found = document.querySelector<HTMLElement>(`main [data-asset="${CSS.escape(id)}"]`);
  return found?.matches("tr") ? found.querySelector("th button") : found;
}

/** Those that name it as an upstream, which says nothing of them itself: no change of it tells that one has come or gone. */
function useBelow(id: Id): Neighbour[] {
  const structure = useStructure();
  return useMemo(() => {
    const ids = downstreams(store.assets).get(id) ?? [];
    return ids.map((each) => ({ name: each.slice(each.indexOf("/") + 1) })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }, [id, structure]);
}

/** The details, asked for again whenever the asset has changed. */
function useDetail(id: Id, asset: AssetNode | undefined): [Detail | undefined, string] {
  const [found, setFound] = useState<[Detail | undefined, string]>([undefined, ""]);
  useEffect(() => {
    if (!asset) return;
    const leave = new AbortController();
    fetch(`api/assets/${id.split("/").map(encodeURIComponent).join("/")}`, { signal: leave.signal })
      .then(async (answer) => {
        if (!answer.ok) throw new Error((await answer.text()).trim());
        setFound([(await answer.json()) as Detail, ""]);
      })
      .catch((error: unknown) => {
        if (!leave.signal.aborted) setFound(([old]) => [old, `Details are not to be had: ${error instanceof Error ? error.message : String(error)}`]);
      });
    return () => leave.abort();
  }, [id, asset]);
  return found;
}

function Head({ asset }: { asset: AssetNode }) {
  const age = useTicking((at) => ageWords(asset, at));
  const state = asset.state ?? "Unknown";
  return (
    <div className="panel-state">
      <p>
        <span className="badge">
          <span aria-hidden="true">{SIGNS[state]}</span> {asset.state ?? "New"}
        </span>{" "}
        <span className="age">{age}</span>
      </p>
      <Meter asset={asset} />
      <p className="reason" data-testid="reason" title={asset.reason}>
        {asset.reason ? <Reason asset={asset} /> : "The operator has not looked at it yet."}
      </p>
    </div>
  );
}

const FOCUS: [Direction, string][] = [
  ["up", "Ancestors"],
  ["both", "Lineage"],
  ["down", "Descendants"],
];

/** What was looked for has been found: a lineage of which all but that is dimmed would show nothing. */
const FOUND = { search: "", states: [] };

function Focus({ id, address, go }: { id: Id; address: Address; go: Go }) {
  return (
    <div className="focus" role="group" aria-label="Show only">
      {FOCUS.map(([direction, word]) => {
        const on = address.focus === id && address.direction === direction;
        return (
          <button key={direction} type="button" aria-pressed={on} onClick={() => go(on ? { focus: "" } : { focus: id, direction, ...FOUND })}>
            {word}
          </button>
        );
      })}
      <Copy label="Copy link" text={() => location.href} />
    </div>
  );
}

function Facts({ asset, detail }: { asset: AssetNode; detail: Detail }) {
  const policy = policyWords(detail.policy ?? {});
  return (
    <dl className="facts">
      <Fact name="Key">{asset.key}</Fact>
      <Fact name="Kind">{KINDS[asset.kind] ?? asset.kind}</Fact>
      <Fact name="Namespace">{asset.namespace}</Fact>
      {asset.pipeline && <Fact name="Pipeline">{asset.pipeline}</Fact>}
      <Time name="Data time" at={asset.dataTime} />
      <Time name="Updated" at={asset.updatedAt} />
      {moment(asset.checkedAt) !== moment(asset.updatedAt) && <Time name="Checked" at={asset.checkedAt} />}
      {asset.rows !== undefined && <Fact name="Rows">{asset.rows.toLocaleString("en")}</Fact>}
      {detail.relation && <Fact name="Relation">{detail.relation}</Fact>}
      {detail.version && <Fact name="Version">{detail.version}</Fact>}
      {detail.durationSeconds !== undefined && <Fact name="Last build took">{seconds(detail.durationSeconds)}</Fact>}
      <Limits asset={asset} />
      {policy.length > 0 && <Fact name="Policy">{policy.join(" · ")}</Fact>}
    </dl>
  );
}

/** Where there are several limits: how the age stands to each. Of one alone the head of the panel tells. */
function Limits({ asset }: { asset: AssetNode }) {
  const words = useTicking((at) => standings(asset, at).map((one) => one.words).join(" · "));
  return words.includes(" · ") ? <Fact name="Against limits">{words}</Fact> : null;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Time({ name, at }: { name: string; at: string | undefined }) {
  if (!at) return null;
  return (
    <Fact name={name}>
      <time dateTime={at} title={at}>
        {moment(at)}
      </time>{" "}
      <span className="quiet">
        (<Since at={at} /> ago)
      </span>
    </Fact>
  );
}

interface Neighbour {
  name: string;
  text?: string;
  state?: string;
}

function Neighbours({ title, namespace, rows, go }: { title: string; namespace: string; rows: Neighbour[]; go: Go }) {
  if (rows.length === 0) return null;
  return (
    <section>
      <h3>
        {title} <span className="quiet">{count(rows.length)}</span>
      </h3>
      <ul className="neighbours">
        {rows.map((row) => (
          <li key={row.name}>
            <Dot id={`${namespace}/${row.name}`} />
            <button type="button" className="link" onClick={() => go({ asset: `${namespace}/${row.name}` })}>
              {row.name}
            </button>
            {row.text && <div className={`quiet edge-text-${row.state}`}>{row.text}</div>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Dot({ id }: { id: Id }) {
  const state = useAsset(id)?.state ?? "Unknown";
  return (
    <span className={`dot state-${state}`} title={state}>
      <span aria-hidden="true">{SIGNS[state]}</span>
      <span className="unseen">{state}: </span>
    </span>
  );
}

function Commands({ asset }: { asset: AssetNode }) {
  const where = `-n ${asset.namespace} asset/${asset.name}`;
  const lines = [`kubectl describe ${where}`, `kubectl annotate ${where} --overwrite freshet.dev/requestedAt="$(date +%s)"`];
  return (
    <section>
      <h3>In a terminal</h3>
      {lines.map((line) => (
        <div className="command" key={line}>
          <code>{line}</code>
          <Copy label="Copy" text={() => line} />
        </div>
      ))}
      <p className="quiet">The second one asks for a run now. This page changes nothing.</p>
    </section>
  );
}
