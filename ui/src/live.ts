/** Keeps the store as the cluster is: everything once, then each change as a server-sent event. */

import { sync } from "./clock.ts";
import type { Change, Snapshot } from "./model.ts";
import type { Store } from "./store.ts";

const RETRY_MS = [500, 1000, 2000, 5000, 10000];

/** Load, follow, and begin again whenever that ends. */
export function follow(store: Store): void {
  let failures = 0;

  const again = (why: string): void => {
    store.connected("lost", why);
    window.setTimeout(load, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  };

  const load = (): void => {
    snapshot()
      .then((found) => {
        failures = 0;
        sync(found.now);
        store.load(found);
        listen(store, `${found.boot}-${found.revision}`, again);
      })
      .catch((error: unknown) => again(String(error instanceof Error ? error.message : error)));
  };

  load();
}

async function snapshot(): Promise<Snapshot> {
  const answer = await fetch("api/graph", { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`the operator answered ${answer.status}`);
  return (await answer.json()) as Snapshot;
}

function listen(store: Store, since: string, again: (why: string) => void): void {
  const source = new EventSource(`api/events?since=${encodeURIComponent(since)}`);
  source.addEventListener("open", () => store.connected("live"));
  source.addEventListener("change", (event) => {
    const change = JSON.parse(event.data as string) as Change;
    sync(change.now);
    store.apply(change);
  });
  source.addEventListener("reset", () => {
    source.close();
    again("");
  });
  source.addEventListener("error", () => {
    // The browser connects again by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) again("the operator does not take more viewers now");
    else store.connected("lost", "the operator does not answer");
  });
}
