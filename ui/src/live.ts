/** Keeps the store as the cluster is: everything once, then each change as a server-sent event. */

import { sync } from "./clock.ts";
import type { Change, Snapshot } from "./model.ts";
import type { Store } from "./store.ts";

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
/** The operator says something every fifteen seconds: after so long a silence the connection is dead, whatever the browser thinks. */
const SILENCE_MS = 40_000;
const LOOK_MS = 5_000;
/** An answer that has not begun by then is asked for on another connection: the browser may have taken one that is dead, and would wait for ever. */
const BEGIN_MS = 10_000;

/** A browser opens six connections to a server, for all tabs together: one that nobody sees soon leaves its own to the others. */
const UNSEEN_MS = 5_000;
const ANSWER_MS = 60_000;

/** Load, follow, and begin again whenever that ends; rest while nobody sees it. */
export function follow(store: Store): void {
  let failures = 0;
  let [round, timer] = [0, 0];
  let stop = (): void => undefined;

  const again = (why: string): void => {
    store.connected("lost", why);
    timer = window.setTimeout(load, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  };

  const load = (): void => {
    const mine = ++round;
    snapshot()
      .then((found) => {
        if (mine !== round) return;
        sync(found.now);
        store.load(found);
        // Only who is followed has been reached: where there is no room for one more viewer, everything is not asked for twice a second.
        stop = listen(store, `${found.boot}-${found.revision}`, again, () => (failures = 0));
      })
      .catch((error: unknown) => {
        if (mine === round) again(String(error instanceof Error ? error.message : error));
      });
  };

  whenUnseen(
    () => {
      round += 1;
      window.clearTimeout(timer);
      stop();
      if (store.connection !== "loading") store.connected("resting");
    },
    load,
  );
  load();
}

/** Call the one after the page has been out of sight for a while, the other when it is seen again. */
function whenUnseen(rest: () => void, go: () => void): void {
  let timer = 0;
  let resting = false;
  const look = (): void => {
    window.clearTimeout(timer);
    if (document.visibilityState === "hidden") {
      timer = window.setTimeout(() => {
        resting = true;
        rest();
      }, UNSEEN_MS);
    } else if (resting) {
      resting = false;
      go();
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
}

async function snapshot(): Promise<Snapshot> {
  const given = new AbortController();
  const late = window.setTimeout(() => given.abort(new Error("the operator does not answer")), BEGIN_MS);
  const answer = await fetch("api/graph", { credentials: "same-origin", signal: AbortSignal.any([given.signal, AbortSignal.timeout(ANSWER_MS)]) }).finally(() => window.clearTimeout(late));
  if (!answer.ok) throw new Error(`the operator answered ${answer.status}`);
  return (await answer.json()) as Snapshot;
}

/** Returns what ends it. */
function listen(store: Store, since: string, again: (why: string) => void, opened: () => void): () => void {
  const source = new EventSource(`api/events?since=${encodeURIComponent(since)}`);
  let heard = Date.now();
  const watchdog = window.setInterval(() => {
    heard = Math.min(heard, Date.now()); // the clock may have been set back
    if (Date.now() - heard > SILENCE_MS) leave("the operator has fallen silent");
  }, LOOK_MS);
  const on = (name: string, then: (event: MessageEvent<string>) => void): void =>
    source.addEventListener(name, (event) => {
      heard = Date.now();
      then(event as MessageEvent<string>);
    });
  let left = false;
  const stop = (): void => {
    left = true;
    window.clearInterval(watchdog);
    source.close();
  };
  const leave = (why: string): void => {
    if (left) return;
    stop();
    again(why);
  };

  on("open", () => {
    opened();
    store.connected("live");
  });
  on("change", (event) => {
    const change = JSON.parse(event.data) as Change;
    sync(change.now);
    store.apply(change);
  });
  on("seen", () => undefined);
  on("beat", () => undefined);
  on("reset", () => leave(""));
  on("error", () => {
    // The browser connects again by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) leave("the operator does not take more viewers now");
    else store.connected("lost", "the operator does not answer");
  });
  return stop;
}
