/** An asset in the graph. */

import { memo } from "react";
import { now, useTicking } from "./clock.ts";
import { useFar } from "./far.ts";
import type { AssetNode, Id } from "./model.ts";
import { useAsset } from "./store.ts";
import { ageWords, spoken, used } from "./limits.ts";
import { ageSeconds, duration, reasonWords, rowsWords, SIGNS, told } from "./words.ts";

export interface CardData extends Record<string, unknown> {
  id: Id;
  dim: boolean;
  selected: boolean;
  reachable: boolean;
}

export const AssetCard = memo(function AssetCard({ data }: { data: CardData }) {
  const asset = useAsset(data.id);
  const far = useFar();
  if (!asset) return <Ghost id={data.id} />;
  const state = asset.state ?? "Unknown";
  const classes = ["card", `state-${state}`, data.dim && "dim", data.selected && "selected"].filter(Boolean).join(" ");
  return (
    <div
      className={classes}
      role="button"
      tabIndex={data.reachable ? 0 : -1}
      aria-label={spoken(asset, now())}
      aria-pressed={data.selected}
      data-asset={data.id}
      title={asset.reason ? `${asset.name}\n${asset.reason}` : asset.name}
    >
      {!far && <Words asset={asset} />}
    </div>
  );
});

function Words({ asset }: { asset: AssetNode }) {
  const state = asset.state ?? "Unknown";
  return (
    <>
      <div className="line">
        <span className="kind">{KINDS[asset.kind] ?? asset.kind}</span>
        {asset.failedChecks ? <span className="failed">{asset.failedChecks} failed</span> : null}
        <span className="badge">
          <span aria-hidden="true">{SIGNS[state]}</span> {asset.state ?? "New"}
        </span>
      </div>
      <div className="name">{asset.name}</div>
      <div className="why">{reasonWords(asset) ? <Reason asset={asset} /> : asset.key}</div>
      <Meter asset={asset} />
      <div className="line foot">
        <Age asset={asset} />
        <span>{rowsWords(asset.rows)}</span>
      </div>
    </>
  );
}

export const KINDS: Record<string, string> = { DbtCloud: "dbt model", Source: "source", Count: "count", Job: "job", External: "external" };

export function Age({ asset }: { asset: AssetNode }) {
  const text = useTicking((at) => ageWords(asset, at));
  return <span className="age">{text}</span>;
}

/** Why it is as it is, with its times told from now. */
export function Reason({ asset }: { asset: AssetNode }) {
  return useTicking((at) => told(asset.reason ?? "", at));
}

/** How long ago that was. */
export function Since({ at }: { at: string | undefined }) {
  return useTicking((time) => {
    const age = ageSeconds(at, time);
    return age === undefined ? "–" : duration(age);
  });
}

export function Meter({ asset }: { asset: AssetNode }) {
  const percent = useTicking((at) => {
    const share = used(asset, at);
    return share === undefined ? undefined : Math.round(share * 100);
  });
  return (
    <div className={percent === undefined ? "meter none" : "meter"} aria-hidden="true">
      <i style={{ width: `${percent ?? 0}%` }} />
    </div>
  );
}

function Ghost({ id }: { id: Id }) {
  return (
    <div className="card ghost" title={`${id} does not exist`}>
      <div className="line">
        <span className="kind">not found</span>
      </div>
      <div className="name">{id.split("/")[1]}</div>
      <div className="why">named as an upstream, but there is no such asset</div>
    </div>
  );
}
