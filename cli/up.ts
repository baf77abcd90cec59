import type { Command } from "commander";
import type { UpResult } from "@pulumi/pulumi/automation/index.js";
import type { ModelOutputs } from "../components/fine-tune.ts";
import { dropLease } from "../components/local/lease.ts";
import { declareStack, leaseOf } from "../components/stack.ts";
import { describePlan } from "../core/plan/describe.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { readCluster } from "../loading/cluster-on-demand.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { ensureFor } from "../setup/ensure.ts";
import { openStack, watched } from "./engine.ts";
import { projectRoot, readStackFile } from "./project.ts";
import { EngineDisplay } from "./show.ts";
import { describeResult } from "./result.ts";
import { readVerdicts } from "./verdicts.ts";

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
  const { config } = readStackFile(stack);
  await ensureFor(config.target, projectRoot, say);
  const plan = await loadStackPlan({ root: projectRoot, config, stack, cluster: readCluster });
  say(describePlan(plan));
  process.env["TUNEFORM_PROGRESS_SECONDS"] ??= process.stdout.isTTY ? "1" : "10";
  const engine = await openStack(stack, async () => ({ ...(await declareStack(plan)) }), say);
  const result = await interruptible(plan, say, () => watched(display, (options) => engine.up(options)));
  say(describeResult(plan, modelsOf(result), await readVerdicts(plan)));
}

/** Ctrl-C: give the lease up, so that stages save a checkpoint and end; the engine then ends by itself. */
async function interruptible<T>(
  plan: StackPlan,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const lease = leaseOf(plan);
  const stop = () => {
    say(
      plan.kubernetes === null
        ? "stopping: a checkpoint is saved, `npm run up` resumes from it"
        : "no longer waiting: Jobs go on in the cluster, the next update reads their verdicts",
    );
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
