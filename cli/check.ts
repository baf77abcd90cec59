import type { Command } from "commander";
import { formatProblems, InvalidInput } from "../core/spec/problems.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { projectRoot, readStackFile } from "./project.ts";

export function register(program: Command): void {
  program
    .command("check")
    .description("check model files, their data and this machine; writes nothing")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .option("--json", "problems as JSON")
    .action(check);
}

async function check({ stack, json }: { stack: string; json?: true }): Promise<void> {
  try {
    const { config } = readStackFile(stack);
    const plan = await loadStackPlan({ root: projectRoot, config, stack });
    console.log(
      json ? JSON.stringify({ problems: [] }) : `${plan.fineTunes.length} fine-tunes checked, no problems`,
    );
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    console.log(
      json ? JSON.stringify({ problems: error.problems }, null, 2) : formatProblems(error.problems),
    );
    process.exitCode = error.exitCode;
  }
}
