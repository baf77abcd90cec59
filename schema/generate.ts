// Writes the JSON Schemas that editors and the Python side read, and the table of docs/aws.md: `npm run schema`.
import fs from "node:fs";
import path from "node:path";
import { withAwsSettings } from "./aws-settings.ts";
import { schemaTexts } from "./texts.ts";

for (const [file, text] of Object.entries(schemaTexts()))
  fs.writeFileSync(path.join(import.meta.dirname, file), text);

const awsDocument = path.join(import.meta.dirname, "..", "docs", "aws.md");
fs.writeFileSync(awsDocument, withAwsSettings(fs.readFileSync(awsDocument, "utf8")));
