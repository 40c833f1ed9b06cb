/** The same as a table: for screen readers, for sorting, and for those who think in lists. */

import { memo, useMemo, useState } from "react";
import type { Address } from "./address.ts";
import { KINDS, Reason, Since } from "./AssetCard.tsx";
import { now } from "./clock.ts";
import { idOf, type AssetNode } from "./model.ts";
import { sorted, type Column } from "./select.ts";
import type { Go } from "./useAddress.ts";
import { count, SIGNS } from "./words.ts";

const COLUMNS: [Column, string][] = [
  ["state", "State"],
  ["name", "Asset"],
  ["age", "Age"],
  ["limit", "Limit"],
  ["rows", "Rows"],
  ["kind", "Kind"],
  ["pipeline", "Pipeline"],
];

export function TableView({ address, go, assets }: { address: Address; go: Go; assets: readonly AssetNode[] }) {
  const [[column, descending], setOrder] = useState<[Column, boolean]>(["state", false]);
  const rows = useMemo(() => sorted(assets, column, descending, now()), [assets, column, descending]);
  const order = (next: Column): void => setOrder(next === column ? [column, !descending] : [next, false]);
  return (
    <div className="table" role="region" aria-label="Assets" tabIndex={0}>
      <table>
        <caption className="unseen">Assets with their state, age, limit, rows and reason. Each name opens its details.</caption>
        <thead>
          <tr>
            {COLUMNS.map(([name, title]) => (
              <th key={name} scope="col" aria-sort={name !== column ? "none" : descending ? "descending" : "ascending"}>
                <button type="button" onClick={() => order(name)}>
                  {title} <span aria-hidden="true">{name !== column ? "" : descending ? "↓" : "↑"}</span>
                </button>
              </th>
            ))}
            <th scope="col">Reason</th>
            <th scope="col">Upstreams</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((asset) => (
            <Row key={idOf(asset)} asset={asset} selected={address.asset === idOf(asset)} go={go} />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="empty">No asset matches.</p>}
    </div>
  );
}

/** Drawn again only when its asset has changed. */
const Row = memo(function Row({ asset, selected, go }: { asset: AssetNode; selected: boolean; go: Go }) {
  const state = asset.state ?? "Unknown";
  const open = (): void => go({ asset: idOf(asset) });
  return (
    <tr className={`state-${state}${selected ? " selected" : ""}`} onClick={open} data-asset={idOf(asset)}>
      <td>
        <span className="badge">
          <span aria-hidden="true">{SIGNS[state]}</span> {asset.state ?? "New"}
        </span>
      </td>
      <th scope="row">
        <button type="button" onClick={open} aria-current={selected ? "true" : undefined}>
          {asset.name}
        </button>
      </th>
      <td className="number">
        <Since at={asset.measuredFrom} />
      </td>
      <td className="number">{asset.limit}</td>
      <td className="number">{asset.rows === undefined ? "" : count(asset.rows)}</td>
      <td>{KINDS[asset.kind] ?? asset.kind}</td>
      <td>{asset.pipeline}</td>
      <td className="why" title={asset.reason}>
        <Reason asset={asset} />
      </td>
      <td className="ups">{(asset.upstreams ?? []).map((edge) => edge.name).join(", ")}</td>
    </tr>
  );
});
