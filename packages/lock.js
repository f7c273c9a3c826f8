/**
 * Takes funding links out of `package-lock.json`, which by house rule holds no address of any kind.
 *
 * Run by `npm run lock` after every change of dependencies. Versions and integrity hashes stay as npm wrote them.
 */
import { readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const entry of Object.values(lock.packages)) delete entry.funding;
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
