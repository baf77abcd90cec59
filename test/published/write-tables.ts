import { readFileSync, writeFileSync } from "node:fs";
import { withTables } from "./tables.ts";

// Writes the tables of docs/planner.md anew: npx tsx test/published/write-tables.ts
const path = new URL("../../docs/planner.md", import.meta.url);
writeFileSync(path, withTables(readFileSync(path, "utf8")));
