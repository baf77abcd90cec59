// Writes the JSON Schemas that editors and the Python side read: `npm run schema`.
import fs from "node:fs";
import path from "node:path";
import { schemaTexts } from "./texts.ts";

for (const [file, text] of Object.entries(schemaTexts()))
  fs.writeFileSync(path.join(import.meta.dirname, file), text);
