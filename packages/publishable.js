/**
 * Makes the `dist` of the package in the current folder publishable.
 *
 * Inside the workspace a package's `exports` name its TypeScript sources, so nothing has to be built before it is used.
 * What goes to a registry is `dist`, whose manifest names the compiled files instead. Owns nothing but `dist/package.json`.
 */
import { readFileSync, writeFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const { scripts, devDependencies, ...published } = manifest;
published.exports = { ".": { types: "./index.d.ts", default: "./index.js" } };
writeFileSync("dist/package.json", `${JSON.stringify(published, null, 2)}\n`);
