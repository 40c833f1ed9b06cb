/** What colours and lines mean. */

import { EDGE_WORDS, SIGNS, STATES } from "./words.ts";
import type { EdgeState, State } from "./model.ts";

const MEANINGS: Record<State, string> = {
  Failed: "its runs fail, and retries are used up",
  Stale: "older than its limit",
  Missing: "never built",
  Aging: "past its warning, within its limit",
  Updating: "a run is under way",
  Suspended: "switched off here or by its pipeline",
  Fresh: "within its limit",
};
const EDGES: EdgeState[] = ["UpToDate", "Moving", "Waiting", "Considered", "Declared", "NotFound"];

export function Legend() {
  return (
    <details className="legend" aria-label="Legend">
      <summary>Legend</summary>
      <ul>
        {STATES.map((state) => (
          <li key={state} className={`state-${state}`}>
            <span className="badge">
              <span aria-hidden="true">{SIGNS[state]}</span> {state}
            </span>
            {MEANINGS[state]}
          </li>
        ))}
        {EDGES.map((state) => (
          <li key={state}>
            <svg viewBox="0 0 40 10" className="edge-sample" aria-hidden="true">
              <g className={`edge edge-${state}`}>
                <path d="M0 5H34" />
                <path className="tip" d="M32 1L40 5L32 9Z" />
              </g>
            </svg>
            {EDGE_WORDS[state]}
          </li>
        ))}
      </ul>
    </details>
  );
}
