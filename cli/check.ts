import path from "node:path";
import type { Command } from "commander";
import { formatProblems, InvalidInput } from "../core/spec/problems.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { projectRoot, readStackFile, stackOption } from "./project.ts";

export function register(program: Command): void {
  program
    .command("check")
    .description("check model files, their data and this machine; writes nothing")
    .argument("[files...]", "model files; without any, those of the stack")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", stackOption, "dev")
    .option("--json", "problems as JSON")
    .action(check);
}

async function check(files: string[], { stack, json }: { stack: string; json?: true }): Promise<void> {
  try {
    const { config } = readStackFile(stack);
    const chosen = files.map((file) => path.relative(projectRoot, path.resolve(file)));
    const { fineTunes } = await loadStackPlan({
      root: projectRoot,
      config,
      stack,
      ...(chosen.length > 0 ? { files: chosen } : {}),
    });
    const count = `${fineTunes.length} ${fineTunes.length === 1 ? "fine-tune" : "fine-tunes"}`;
    console.log(json ? JSON.stringify({ problems: [] }) : `${count} checked, no problems`);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    console.log(
      json ? JSON.stringify({ problems: error.problems }, null, 2) : formatProblems(error.problems),
    );
    process.exitCode = error.exitCode;
  }
}
