/**
 * `npm test` runs the tests of every workspace in one go.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { projects: ["packages/client", "packages/react", "web"] } });
