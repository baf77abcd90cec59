import type { Command } from "commander";
import { declareStack } from "../components/stack.ts";
import { describePlan } from "../core/plan/describe.ts";
import { readCluster } from "../loading/cluster-on-demand.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { ensureFor } from "../setup/ensure.ts";
import { openStack, watched } from "./engine.ts";
import { projectRoot, readStackFile } from "./project.ts";
import { EngineDisplay } from "./show.ts";

export function register(program: Command): void {
  program
    .command("preview")
    .description("what `up` would do: the plan and the changed resources; nothing is touched")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .action(preview);
}

async function preview({ stack }: { stack: string }): Promise<void> {
  const { config } = readStackFile(stack);
  await ensureFor(config.target, projectRoot, console.log);
  const plan = await loadStackPlan({ root: projectRoot, config, stack, cluster: readCluster });
  console.log(describePlan(plan));
  const engine = await openStack(stack, async () => ({ ...(await declareStack(plan)) }), console.log);
  const display = new EngineDisplay();
  const { changeSummary } = await watched(display, (options) => engine.preview(options));
  for (const [operation, count] of Object.entries(changeSummary)) console.log(`${operation}: ${count}`);
}
