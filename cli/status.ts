import path from "node:path";
import type { Command } from "commander";
import Table from "cli-table3";
import type { ModelOutputs } from "../components/fine-tune.ts";
import { openStack } from "./engine.ts";

export function register(program: Command): void {
  program
    .command("status")
    .description("what the stack serves now, asked from its servers")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .option("--json", "as JSON")
    .action(status);
}

interface ModelStatus {
  name: string;
  modelId: string;
  endpoint: string;
  serves: "yes" | "no answer" | "another model";
}

async function status({ stack, json }: { stack: string; json?: true }): Promise<void> {
  const engine = await openStack(stack, () => Promise.resolve({}), console.error);
  const models = ((await engine.outputs())["models"]?.value ?? {}) as Record<string, ModelOutputs>;
  const rows = await Promise.all(Object.entries(models).map(([name, model]) => statusOf(name, model)));
  if (json) {
    console.log(JSON.stringify({ stack, models: rows }, null, 2));
    return;
  }
  const table = new Table({
    head: ["fine-tune", "serves", "model", "endpoint"],
    style: { head: [], border: [] },
  });
  for (const row of rows) table.push([row.name, row.serves, row.modelId, row.endpoint]);
  console.log(rows.length === 0 ? `stack ${stack} serves nothing: npm run up` : table.toString());
}

/** Asks the server itself: a state file would not know that the process died. */
async function statusOf(name: string, model: ModelOutputs): Promise<ModelStatus> {
  const { modelId, endpoint, alias } = model;
  try {
    const answer = await fetch(`${endpoint}/models`, { signal: AbortSignal.timeout(3000) });
    const { data } = (await answer.json()) as { data: { id: string; root: string }[] };
    const card = data.find(({ id }) => id === alias);
    const serves =
      card !== undefined && path.basename(card.root) !== "" && data.some(({ id }) => id === modelId);
    return { name, modelId, endpoint, serves: serves ? "yes" : "another model" };
  } catch {
    return { name, modelId, endpoint, serves: "no answer" };
  }
}
