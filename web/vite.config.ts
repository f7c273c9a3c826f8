/**
 * How the web client is built, served while developing, and tested.
 *
 * Invariants:
 * 1. `base` is relative: the built page works under whatever path prefix the server was given at run time.
 * 2. The build lands in the Python package (`src/madang/web`), and only this build writes there.
 */
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8420";

/** While developing, says what the server says in its pages: relative addresses count from here, on every route. */
const pageBase: Plugin = {
  name: "page-base",
  apply: "serve",
  transformIndexHtml: () => [{ tag: "base", attrs: { href: "/" }, injectTo: "head-prepend" }],
};

export default defineConfig({
  base: "./",
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [react(), tailwindcss(), pageBase],
  build: {
    outDir: fileURLToPath(new URL("../src/madang/web", import.meta.url)),
    emptyOutDir: true,
    reportCompressedSize: true,
    // The bundled packages' licences ask for their text wherever the code goes; NOTICE names this file.
    license: { fileName: "licenses.md" },
    // A data: URL in a style sheet would need its own exception in the page's content policy.
    assetsInlineLimit: 0,
  },
  server: {
    port: 5173,
    proxy: {
      "/api": { target: SERVER, changeOrigin: false },
      "/socket.io": { target: SERVER, ws: true, changeOrigin: false },
    },
  },
  test: {
    name: "web",
    environment: "jsdom",
    setupFiles: ["./src/test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: false,
    restoreMocks: true,
  },
});
