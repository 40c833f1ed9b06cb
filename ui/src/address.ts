/** The page's state in its address, so that what one sees can be sent to another. Pure but for the two ends. */

import { STATES } from "./words.ts";
import type { Id, State } from "./model.ts";

export type Direction = "both" | "up" | "down";

export interface Address {
  view: "graph" | "table";
  namespace: string;
  pipeline: string;
  states: State[];
  search: string;
  asset: Id;
  focus: Id;
  direction: Direction;
}

export const START: Address = {
  view: "graph",
  namespace: "",
  pipeline: "",
  states: [],
  search: "",
  asset: "",
  focus: "",
  direction: "both",
};

/** Read an address; what is unknown in it is left out. */
export function parse(query: string): Address {
  const given = new URLSearchParams(query);
  const direction = given.get("direction");
  const states = (given.get("state") ?? "").split(",");
  return {
    view: given.get("view") === "table" ? "table" : "graph",
    namespace: given.get("namespace") ?? "",
    pipeline: given.get("pipeline") ?? "",
    states: STATES.filter((state) => states.includes(state)),
    search: given.get("q") ?? "",
    asset: given.get("asset") ?? "",
    focus: given.get("focus") ?? "",
    direction: direction === "up" || direction === "down" ? direction : "both",
  };
}

/** Write one; what is as at the start is left out. */
export function format(address: Address): string {
  const query = new URLSearchParams();
  if (address.view !== START.view) query.set("view", address.view);
  if (address.namespace) query.set("namespace", address.namespace);
  if (address.pipeline) query.set("pipeline", address.pipeline);
  if (address.states.length) query.set("state", address.states.join(","));
  if (address.search) query.set("q", address.search);
  if (address.asset) query.set("asset", address.asset);
  if (address.focus) query.set("focus", address.focus);
  if (address.focus && address.direction !== START.direction) query.set("direction", address.direction);
  const text = query.toString().replaceAll("%2F", "/").replaceAll("%2C", ",");
  return text ? `?${text}` : "";
}

/** Is this a step that "back" should undo, rather than another letter of a search? */
export function isStep(before: Address, after: Address): boolean {
  return before.view !== after.view || before.asset !== after.asset || before.focus !== after.focus;
}
