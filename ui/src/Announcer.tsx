/** Says for screen readers which states have changed, a few times a minute at most. */

import { useEffect, useRef, useState } from "react";
import type { Id } from "./model.ts";
import { store } from "./store.ts";
import { some } from "./words.ts";

const PAUSE_MS = 5000;
const NAMED = 3;

export function Announcer() {
  const [text, setText] = useState("");
  const before = useRef<ReadonlyMap<Id, string>>(new Map());

  useEffect(() => {
    let timer = 0;
    const states = (): Map<Id, string> => new Map([...store.assets].map(([id, asset]) => [id, asset.state ?? ""]));
    const look = (): void => {
      timer = 0;
      const seen = states();
      setText(news(before.current, seen));
      before.current = seen;
    };
    const changed = (): void => {
      if (store.connection === "loading") before.current = states();
      else timer ||= window.setTimeout(look, PAUSE_MS);
    };
    before.current = states();
    const leave = store.subscribe(changed);
    return () => {
      leave();
      window.clearTimeout(timer);
    };
  }, []);

  return (
    <p className="unseen" role="status" aria-live="polite" data-testid="announcer">
      {text}
    </p>
  );
}

function news(before: ReadonlyMap<Id, string>, after: ReadonlyMap<Id, string>): string {
  const moved = [...after].filter(([id, state]) => state && before.get(id) !== state);
  if (moved.length > NAMED) return `${some(moved.length, "asset")} changed state.`;
  return moved.map(([id, state]) => `${id.split("/")[1]} is now ${state}.`).join(" ");
}
