import "./style/base.css";
import "./style/layout.css";
import "./style/panels.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { signIn } from "./api/client";
import { newQueryClient } from "./api/queries";
import { App } from "./app";
import { applyTheme } from "./theme";

/** takeToken signs in with a token from the address (#token=…) and removes it from there at once. */
async function takeToken(): Promise<void> {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (!token) return;
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  await signIn(token).catch(() => undefined); // a wrong token leads to the sign-in form
}

applyTheme();
const root = document.getElementById("root");
void takeToken().then(() => {
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={newQueryClient()}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
});
