// After `pulumi up`: the stack's outputs as a table for the job's summary. Argument: their JSON file.
import fs from "node:fs";
import { code, row, text } from "../../core/plan/github-markdown.ts";

/** What index.ts puts out for a fine-tune; without values while its run has not been promoted. */
interface Deployed {
  alias?: string;
  modelId?: string;
  endpoint?: string;
  verdict?: string;
  score?: { base: number; tuned: number } | null;
}

function deployedTable(models: Record<string, Deployed>): string {
  const names = Object.keys(models).sort();
  if (names.length === 0) return "The stack has no fine-tune.";
  const head = ["fine-tune", "verdict", "base", "tuned", "model", "endpoint"];
  return [
    row(head),
    row(head.map(() => "---")),
    ...names.map((name) => {
      const { verdict, score, modelId, endpoint } = models[name] ?? {};
      const number = (value: number | undefined) => value?.toFixed(3) ?? "";
      const cell = (value: string | undefined) => (value === undefined ? "" : code(value));
      return row([
        code(name),
        text(verdict ?? "none"),
        number(score?.base),
        number(score?.tuned),
        cell(modelId),
        cell(endpoint),
      ]);
    }),
  ].join("\n");
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("usage: deployed.ts OUTPUTS.json");
const { models = {} } = JSON.parse(fs.readFileSync(file, "utf8")) as { models?: Record<string, Deployed> };
console.log(`## Deployed\n\n${deployedTable(models)}\n`);
