import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The app is embedded in the binary: web/dist must hold nothing but what a browser asks for. Its README stays, so the
// folder is not emptied; "prebuild" removes old assets.
export default defineConfig({
  plugins: [react()],
  build: { outDir: "../dist", emptyOutDir: false, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  // npm run dev: the page from Vite, the API from a server on this machine.
  server: { proxy: { "/api": { target: process.env["SPILLWAY_SERVER"] ?? "http://127.0.0.1:7410", secure: false } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
