import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { follow } from "./live.ts";
import { warm } from "./layout.ts";
import { store } from "./store.ts";
import { show, stored } from "./theme.ts";
import "@xyflow/react/dist/base.css";
import "./style.css";

show(stored());
follow(store);
warm();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
