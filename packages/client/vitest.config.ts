/**
 * How the client is tested: in plain Node, without a page.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { name: "client", environment: "node", include: ["tests/**/*.test.ts"], testTimeout: 15_000 },
});
