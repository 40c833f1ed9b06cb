/** The operator's clock, as far as it is known here, and a tick per second for the ages on the page. */

import { useSyncExternalStore } from "react";

let offset = 0;

/** Learn how far this machine's clock is from the operator's. */
export function sync(now: string): void {
  offset = Date.parse(now) - Date.now();
}

/** The operator's time in milliseconds. */
export function now(): number {
  return Date.now() + offset;
}

const listeners = new Set<() => void>();
let timer = 0;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ||= window.setInterval(() => listeners.forEach((tell) => tell()), 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      window.clearInterval(timer);
      timer = 0;
    }
  };
}

/** A text or number that follows the clock: drawn again only in the seconds in which it changes. */
export function useTicking<T extends string | number | undefined>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(now()));
}
