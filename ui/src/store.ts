/** What is known of the cluster, kept newest by ./live.ts. Components read it through the hooks at the end. */

import { useSyncExternalStore } from "react";
import { idOf, type AssetNode, type Change, type Id, type PipelineNode, type Snapshot } from "./model.ts";
import { upstreamIds } from "./select.ts";

/** `resting`: not followed while nobody sees it. */
export type Connection = "loading" | "live" | "resting" | "lost";

export class Store {
  assets = new Map<Id, AssetNode>();
  pipelines = new Map<Id, PipelineNode>();
  connection: Connection = "loading";
  trouble = "";
  /** Counts every change. */
  version = 0;
  /** Counts changes of what there is and how it hangs together: only these need a new layout. */
  structure = 0;
  private readonly listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  load(snapshot: Snapshot): void {
    this.assets = new Map(snapshot.assets.map((asset) => [idOf(asset), asset]));
    this.pipelines = new Map(snapshot.pipelines.map((pipeline) => [idOf(pipeline), pipeline]));
    this.structure += 1;
    this.tell();
  }

  apply(change: Change): void {
    for (const asset of change.assets ?? []) {
      const id = idOf(asset);
      if (reshapes(this.assets.get(id), asset)) this.structure += 1;
      this.assets.set(id, asset);
    }
    for (const [namespace, name] of change.goneAssets ?? []) {
      if (this.assets.delete(`${namespace}/${name}`)) this.structure += 1;
    }
    for (const pipeline of change.pipelines ?? []) this.pipelines.set(idOf(pipeline), pipeline);
    for (const [namespace, name] of change.gonePipelines ?? []) this.pipelines.delete(`${namespace}/${name}`);
    this.tell();
  }

  connected(connection: Connection, trouble = ""): void {
    if (this.connection === connection && this.trouble === trouble) return;
    this.connection = connection;
    this.trouble = trouble;
    this.tell();
  }

  private tell(): void {
    this.version += 1;
    for (const listener of this.listeners) listener();
  }
}

/** Does this state of an asset change what is laid out, or only how it looks? */
export function reshapes(old: AssetNode | undefined, asset: AssetNode): boolean {
  if (!old || old.pipeline !== asset.pipeline) return true;
  return upstreamIds(old).join() !== upstreamIds(asset).join();
}

export const store = new Store();

/** The number of the newest change: whoever uses it is drawn again with each. */
export function useVersion(): number {
  return useSyncExternalStore(store.subscribe, () => store.version);
}

/** The number of the newest change of what there is and how it hangs together. */
export function useStructure(): number {
  return useSyncExternalStore(store.subscribe, () => store.structure);
}

/** One asset: drawn again only when it has changed. */
export function useAsset(id: Id): AssetNode | undefined {
  return useSyncExternalStore(store.subscribe, () => store.assets.get(id));
}

export function useConnection(): Connection {
  return useSyncExternalStore(store.subscribe, () => store.connection);
}
