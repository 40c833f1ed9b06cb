import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { any } from "./kept.ts";
import { follow } from "./live.ts";
import { warm } from "./layout.ts";
import { store } from "./store.ts";
import { show, stored } from "./theme.ts";
import "@xyflow/react/dist/base.css";
import "./style.css";

show(stored());
follow(store);
if (!any()) warm();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
