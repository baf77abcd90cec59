import type { Command } from "commander";
import { describePlan } from "../core/plan/describe.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { projectRoot, readStackFile } from "./project.ts";

export function register(program: Command): void {
  program
    .command("plan")
    .description("what `up` will take: rows, tokens, memory, time, and what changes in serving")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .option("--json", "the plan itself")
    .action(async ({ stack, json }: { stack: string; json?: true }) => {
      const { config } = readStackFile(stack);
      const plan = await loadStackPlan({ root: projectRoot, config, stack });
      console.log(json ? JSON.stringify(plan, null, 2) : describePlan(plan));
    });
}
