/** What the operator's API says (operator/freshet/lineage_page/view.py). Times are RFC 3339, absent means unknown. */

export type State = "Suspended" | "Updating" | "Failed" | "Missing" | "Stale" | "Aging" | "Fresh";
export type EdgeState = "UpToDate" | "Moving" | "Considered" | "Waiting" | "NotBuilt" | "NotFound" | "Declared";

export interface Edge {
  name: string;
  state: EdgeState;
}

export interface AssetNode {
  namespace: string;
  name: string;
  key: string;
  kind: string;
  pipeline?: string;
  state?: State;
  reason?: string;
  rows?: number;
  updatedAt?: string;
  checkedAt?: string;
  dataTime?: string;
  measuredFrom?: string;
  limitSeconds?: number;
  warnSeconds?: number;
  limit?: string;
  deadlineAt?: string;
  unchangedLimitSeconds?: number;
  checks?: number;
  failedChecks?: number;
  runStartedAt?: string;
  upstreams?: Edge[];
}

export interface PipelineNode {
  namespace: string;
  name: string;
  suspended?: boolean;
  ready?: boolean;
  message?: string;
}

export interface Snapshot {
  boot: string;
  revision: number;
  now: string;
  assets: AssetNode[];
  pipelines: PipelineNode[];
}

export interface Change {
  now: string;
  assets?: AssetNode[];
  pipelines?: PipelineNode[];
  goneAssets?: [string, string][];
  gonePipelines?: [string, string][];
}

export interface Run {
  id: string;
  url?: string;
  cause?: string;
  attempt?: number;
  startedAt?: string;
  finishedAt?: string;
  outcome?: string;
  message?: string;
  version?: string;
  rows?: number;
  durationSeconds?: number;
}

export interface Detail {
  node: AssetNode;
  relation?: string;
  version?: string;
  durationSeconds?: number;
  createdAt?: string;
  policy?: Record<string, string>;
  conditions?: { type: string; status: string; reason: string; message: string; lastTransitionTime: string }[];
  checks?: { name: string; passed: boolean; severity: string; message?: string; at?: string; pipeline?: string }[];
  run?: Run & { name?: string; executor?: string };
  lastRun?: Run;
  rejected?: { rows: number; samples?: { line?: number; column?: string; reason?: string }[]; at?: string };
  history?: Run[];
  upstreams?: (Edge & {
    newest?: string;
    considered?: string;
    consumed?: { version: string; dataTime?: string };
  })[];
}

/** Names an asset on this page and in its addresses. */
export type Id = string;

export function idOf(asset: { namespace: string; name: string }): Id {
  return `${asset.namespace}/${asset.name}`;
}
