import type { Command } from "commander";
import { openStack } from "./engine.ts";

export function register(program: Command): void {
  program
    .command("outputs")
    .description(
      "stack outputs as JSON: {models: {<name>: {alias, endpoint, modelId, ...}}, plan: {<name>: {runId, state, ...}}}",
    )
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .action(async ({ stack }: { stack: string }) => {
      const engine = await openStack(stack, () => Promise.resolve({}), console.error);
      const values = Object.entries(await engine.outputs()).map(([key, { value }]) => [
        key,
        value as unknown,
      ]);
      console.log(JSON.stringify({ models: {}, ...(Object.fromEntries(values) as object) }, null, 2));
    });
}
