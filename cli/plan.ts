import { Option, type Command } from "commander";
import { describePlan } from "../core/plan/describe.ts";
import { planMarkdown } from "../core/plan/markdown.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { pullRequestComment } from "../core/plan/pull-request.ts";
import { formatProblems, InvalidInput, type Problem } from "../core/spec/problems.ts";
import { readFormerPlan } from "../loading/former-plan.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { projectRoot, readStackFile, stackOption } from "./project.ts";

interface PlanOptions {
  stack: string;
  format: "table" | "markdown" | "json";
  json?: true;
  against?: string;
  elsewhere?: true;
}

const FORMATS: Record<PlanOptions["format"], (plan: StackPlan) => string> = {
  table: describePlan,
  markdown: planMarkdown,
  json: (plan) => JSON.stringify(plan, null, 2),
};

export function register(program: Command): void {
  program
    .command("plan")
    .description("what `up` will take: rows, tokens, memory, time, dollars, and what changes in serving")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", stackOption, "dev")
    .addOption(
      new Option("--format <format>", "how it is written").choices(Object.keys(FORMATS)).default("table"),
    )
    .option("--json", "the same as --format json")
    .option(
      "--against <file>",
      "as the comment of a pull request: `plan --json` of the base commit, or `null`",
    )
    .option("--elsewhere", "another machine makes it: this one's memory, disk, ports and speed do not count")
    .action(plan);
}

async function plan(options: PlanOptions): Promise<void> {
  const format = options.json ? "json" : options.format;
  const { stack, against, elsewhere = false } = options;
  if (against !== undefined && format !== "markdown")
    throw new InvalidInput([
      { file: "--against", message: `compares as Markdown, not as ${format}`, hint: "--format markdown" },
    ]);
  const before = against === undefined ? null : readFormerPlan(against);
  try {
    const { config } = readStackFile(stack);
    const after = await loadStackPlan({ root: projectRoot, config, stack, elsewhere });
    write(against === undefined ? FORMATS[format](after) : pullRequestComment([{ stack, before, after }]));
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    write(describeProblems(error.problems, format, stack));
    process.exitCode = error.exitCode;
  }
}

/** In the format that was asked for, so that what reads it needs no second way. */
function describeProblems(
  problems: readonly Problem[],
  format: PlanOptions["format"],
  stack: string,
): string {
  if (format === "json") return JSON.stringify({ problems }, null, 2);
  if (format === "markdown") return pullRequestComment([{ stack, before: null, after: { problems } }]);
  return formatProblems(problems);
}

const write = (text: string): void => void process.stdout.write(`${text.trimEnd()}\n`);
