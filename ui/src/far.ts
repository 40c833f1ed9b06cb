/** Is the graph seen from so far that words could not be read? Then cards are colours only: a thousand cost little. */

import { useSyncExternalStore } from "react";

const FAR = 0.42;
const listeners = new Set<() => void>();
let far = false;

/** Tell at which zoom the graph is seen. */
export function zoomed(zoom: number): void {
  if (far === zoom < FAR) return;
  far = !far;
  listeners.forEach((tell) => tell());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useFar(): boolean {
  return useSyncExternalStore(subscribe, () => far);
}
