import type { Command } from "commander";
import type { UpResult } from "@pulumi/pulumi/automation/index.js";
import type { ModelOutputs } from "../components/fine-tune.ts";
import { dropLease, leaseFile } from "../components/local/lease.ts";
import { declareStack } from "../components/stack.ts";
import { describePlan } from "../core/plan/describe.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { ensureAll } from "../setup/ensure.ts";
import { openStack, watched } from "./engine.ts";
import { projectRoot, readStackFile } from "./project.ts";
import { EngineDisplay } from "./show.ts";
import { describeResult } from "./result.ts";

interface UpOptions {
  stack: string;
}

export function register(program: Command): void {
  program
    .command("up")
    .description("make the stack true: check data, train, evaluate, gate, serve")
    .option("-s, --stack <name>", "which Pulumi.<name>.yaml", "dev")
    .action(up);
}

async function up({ stack }: UpOptions): Promise<void> {
  const display = new EngineDisplay();
  const say = (line: string) => display.line(line);
  await ensureAll(projectRoot, say);
  const { config } = readStackFile(stack);
  const plan = await loadStackPlan({ root: projectRoot, config, stack });
  say(describePlan(plan));
  process.env["TUNEFORM_PROGRESS_SECONDS"] ??= process.stdout.isTTY ? "1" : "10";
  // eslint-disable-next-line @typescript-eslint/require-await -- the engine wants a promise
  const engine = await openStack(stack, async () => ({ ...declareStack(plan, stack) }), say);
  const result = await interruptible(plan, stack, say, () =>
    watched(display, (options) => engine.up(options)),
  );
  say(describeResult(plan, modelsOf(result)));
}

/** Ctrl-C: give the lease up, so that stages save a checkpoint and end; the engine then ends by itself. */
async function interruptible<T>(
  plan: StackPlan,
  stack: string,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const lease = leaseFile(plan.workspace, stack);
  const stop = () => {
    say("stopping: a checkpoint is saved, `npm run up` resumes from it");
    dropLease(lease);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    return await work();
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    dropLease(lease);
  }
}

function modelsOf(result: UpResult): Record<string, ModelOutputs> {
  return (result.outputs["models"]?.value ?? {}) as Record<string, ModelOutputs>;
}
