/** The whole page: bar, graph or table, panel. */

import { useEffect, useMemo } from "react";
import { Announcer } from "./Announcer.tsx";
import { GraphView } from "./GraphView.tsx";
import { Panel } from "./Panel.tsx";
import { TableView } from "./TableView.tsx";
import { Toolbar } from "./Toolbar.tsx";
import { idOf } from "./model.ts";
import { matches, scope } from "./select.ts";
import { store, useConnection, useVersion } from "./store.ts";
import { useAddress } from "./useAddress.ts";

export function App() {
  const [address, go] = useAddress();
  const version = useVersion();
  const connection = useConnection();
  const shown = useMemo(() => scope(store.assets, address), [version, address.namespace, address.pipeline, address.focus, address.direction]);
  const found = useMemo(() => matches(shown, address), [shown, address.states, address.search]);
  const matched = useMemo(() => new Set(found.map(idOf)), [found]);
  const filtered = address.states.length > 0 || address.search.trim() !== "";

  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        document.getElementById("search")?.focus();
      } else if (event.key === "Escape" && address.asset && !typing) {
        go({ asset: "" });
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [address.asset, go]);

  useEffect(() => {
    document.title = address.asset ? `${address.asset} · freshet lineage` : "freshet lineage";
  }, [address.asset]);

  return (
    <>
      <Toolbar address={address} go={go} shown={shown} found={found} />
      {connection === "lost" && (
        <p className="banner" role="status">
          The connection to the operator is lost{store.trouble && `: ${store.trouble}`}. What you see is as it was; trying again.
        </p>
      )}
      <main className={address.asset ? "with-panel" : ""}>
        <Content address={address} go={go} shown={shown} found={found} matched={filtered ? matched : undefined} />
        {address.asset && <Panel key={address.asset} id={address.asset} address={address} go={go} />}
      </main>
      <Announcer />
    </>
  );
}

function Content(props: Parameters<typeof GraphView>[0] & { found: Parameters<typeof TableView>[0]["assets"] }) {
  const { address, go, shown, found, matched } = props;
  if (store.connection === "loading") return <p className="empty">Asking the operator …</p>;
  if (store.assets.size === 0) {
    return (
      <p className="empty">
        There are no assets yet. Apply a Pipeline or an Asset, for example <code>kubectl apply -k manifests/examples/kaizen-wars</code>, and it
        appears here.
      </p>
    );
  }
  if (shown.length === 0) {
    return (
      <p className="empty">
        No asset is in this namespace and pipeline.{" "}
        <button type="button" onClick={() => go({ namespace: "", pipeline: "", focus: "" })}>
          Show all
        </button>
      </p>
    );
  }
  if (address.view === "table") return <TableView address={address} go={go} assets={found} />;
  return <GraphView address={address} go={go} shown={shown} matched={matched} />;
}
