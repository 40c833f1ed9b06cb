import type { AssetNode } from "../src/model.ts";

/** An asset that has consumed all that it reads. */
export const make = (name: string, upstreams: string[] = []): AssetNode => ({
  namespace: "n",
  name,
  key: name,
  kind: "Count",
  upstreams: upstreams.map((up) => ({ name: up, state: "UpToDate" })),
});
