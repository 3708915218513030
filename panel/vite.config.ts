/** Builds the panel to static files. `npm run dev -w panel` serves it from source and asks a running Tandem for /api. */
import { defineConfig } from "vite";

const TANDEM = process.env["TANDEM_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  build: {
    target: "es2023",
    // A data: script would need a weaker content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // Libraries say "use client" for servers that render; here nothing does.
      onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" || warn(warning),
    },
  },
  server: { proxy: Object.fromEntries(["/api", "/docs", "/health", "/ready", "/metrics"].map((path) => [path, TANDEM])) },
});
