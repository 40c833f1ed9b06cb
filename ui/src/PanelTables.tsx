/** The longer parts of the panel: runs, checks, conditions, manifest. */

import { useEffect, useState } from "react";
import { Since } from "./AssetCard.tsx";
import type { AssetNode, Detail, Id, Run } from "./model.ts";
import { Copy } from "./Copy.tsx";
import { count, logCommand, moment, safeLink, seconds } from "./words.ts";

export function Runs({ detail }: { detail: Detail }) {
  const history = detail.history ?? [];
  const newest = detail.lastRun && !history.some((run) => run.id === detail.lastRun?.id) ? [detail.lastRun] : [];
  const runs = [...newest, ...history].slice(0, 10);
  return (
    <section>
      <h3>Runs</h3>
      {detail.run && (
        <div className="running">
          ↻{" "}
          {detail.run.startedAt ? (
            <>
              running for <Since at={detail.run.startedAt} />
            </>
          ) : (
            "about to start"
          )}
          {detail.run.cause && `, ${detail.run.cause}`} <Follow asset={detail.node} run={detail.run} />
          {detail.run.message && <span className="quiet"> {detail.run.message}</span>}
        </div>
      )}
      {runs.length === 0 && !detail.run && <p className="quiet">None yet.</p>}
      {runs.length > 0 && (
        <ul className="runs">
          {runs.map((run) => (
            <RunRow key={`${run.id} ${run.finishedAt}`} asset={detail.node} run={run} />
          ))}
        </ul>
      )}
    </section>
  );
}

function RunRow({ asset, run }: { asset: AssetNode; run: Run }) {
  const numbers = [run.durationSeconds === undefined ? "" : seconds(run.durationSeconds), run.rows === undefined ? "" : `${count(run.rows)} rows`];
  const attempt = (run.attempt ?? 1) > 1 ? `attempt ${run.attempt}` : "";
  return (
    <li className={`outcome-${run.outcome ?? ""}`}>
      <div className="line">
        <b>{run.outcome}</b>
        <time dateTime={run.finishedAt} title={run.finishedAt}>
          {moment(run.finishedAt)}
        </time>
      </div>
      <div className="quiet">{[run.cause, attempt, ...numbers].filter(Boolean).join(" · ")}</div>
      {run.message && <div className="message">{run.message}</div>}
      <Follow asset={asset} run={run} />
    </li>
  );
}

/** The run's page where it has one; else the command that shows the log of its pods. */
function Follow({ asset, run }: { asset: AssetNode; run: Run }) {
  const command = logCommand(asset, run);
  if (!command) return <Link run={run} />;
  return (
    <details className="log" aria-label="Log of the run">
      <summary>Its log</summary>
      <div className="command">
        <code>{command}</code>
        <Copy label="Copy" text={() => command} />
      </div>
    </details>
  );
}

function Link({ run }: { run: Run }) {
  const url = safeLink(run.url);
  if (!url) return null;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer">
      Open the run
    </a>
  );
}

/** Rows of the newest input that were set aside or refused: where and why, never what they held. */
export function BadRows({ detail }: { detail: Detail }) {
  const rejected = detail.rejected;
  if (!rejected?.rows) return null;
  return (
    <section data-testid="bad-rows">
      <h3>
        Bad rows <span className="quiet">{count(rejected.rows)}</span>
      </h3>
      <p className="quiet">
        In the input read <Since at={rejected.at} /> ago.
      </p>
      <ul className="checks">
        {(rejected.samples ?? []).map((sample, place) => (
          <li key={place} className="warn">
            <b>line {sample.line}</b>
            {sample.column && `, column ${sample.column}`}
            <div className="message">{sample.reason}</div>
          </li>
        ))}
      </ul>
      {(rejected.samples ?? []).length < rejected.rows && <p className="quiet">These are the first.</p>}
    </section>
  );
}

export function Checks({ detail }: { detail: Detail }) {
  const checks = detail.checks ?? [];
  if (checks.length === 0) return null;
  return (
    <section>
      <h3>Checks</h3>
      <ul className="checks">
        {checks.map((check) => (
          <li key={`${check.pipeline ?? ""} ${check.name}`} className={check.passed ? "passed" : check.severity}>
            <b>{check.passed ? "✓ passed" : check.severity === "error" ? "✕ failed" : "! warns"}</b> {check.name}
            {check.pipeline && <span className="quiet"> of {check.pipeline}</span>}
            {check.message && <div className="message">{check.message}</div>}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Conditions({ detail }: { detail: Detail }) {
  return (
    <section>
      <h3>Conditions</h3>
      <table className="conditions">
        <tbody>
          {(detail.conditions ?? []).map((condition) => (
            <tr key={condition.type} title={condition.message}>
              <th scope="row">{condition.type}</th>
              <td>{condition.status}</td>
              <td>
                {condition.reason}
                {condition.message && <div className="quiet">{condition.message}</div>}
              </td>
              <td className="number">
                <Since at={condition.lastTransitionTime} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Manifest({ id, asset }: { id: Id; asset: AssetNode }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  useEffect(() => {
    if (!open) return;
    const leave = new AbortController();
    fetch(`api/assets/${id.split("/").map(encodeURIComponent).join("/")}/manifest`, { signal: leave.signal })
      .then((answer) => answer.text())
      .then(setText)
      .catch((error: unknown) => {
        if (!leave.signal.aborted) setText(String(error));
      });
    return () => leave.abort();
  }, [id, open, asset]);
  return (
    <details className="manifest" aria-label="Manifest" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Manifest</summary>
      <pre tabIndex={0} data-testid="manifest">
        {text || "Reading …"}
      </pre>
      <Copy label="Copy" text={() => text} />
    </details>
  );
}
