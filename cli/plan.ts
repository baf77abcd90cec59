import { Option, type Command } from "commander";
import { describePlan } from "../core/plan/describe.ts";
import { planMarkdown } from "../core/plan/markdown.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { projectRoot, readStackFile } from "./project.ts";

const FORMATS: Record<string, (plan: StackPlan) => string> = {
  table: describePlan,
  markdown: planMarkdown,
  json: (plan) => JSON.stringify(plan, null, 2),
};

export function register(program: Command): void {
  program
    .command("plan")
    .description("what `up` will take: rows, tokens, memory, time, dollars, and what changes in serving")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .addOption(
      new Option("--format <format>", "how it is written").choices(Object.keys(FORMATS)).default("table"),
    )
    .option("--json", "the same as --format json")
    .action(async ({ stack, format, json }: { stack: string; format: string; json?: true }) => {
      const { config } = readStackFile(stack);
      const plan = await loadStackPlan({ root: projectRoot, config, stack });
      process.stdout.write(`${FORMATS[json ? "json" : format]?.(plan).trimEnd()}\n`);
    });
}
