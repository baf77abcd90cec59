// Entry of `pulumi up`: config → plan → components → outputs.
import * as pulumi from "@pulumi/pulumi";
import { readStackConfig } from "./components/config.ts";
import { declareStack } from "./components/stack.ts";
import { describePlan } from "./core/plan/describe.ts";
import { formatProblems, InvalidInput } from "./core/spec/problems.ts";
import { readCluster } from "./loading/cluster-on-demand.ts";
import { loadStackPlan } from "./loading/stack-plan.ts";

const stack = pulumi.getStack();

async function loadPlan() {
  try {
    return await loadStackPlan({
      root: import.meta.dirname,
      config: readStackConfig(),
      stack,
      cluster: readCluster,
    });
  } catch (error) {
    // A RunError is shown without a stack trace: these are the person's files, not our code.
    if (error instanceof InvalidInput) throw new pulumi.RunError(formatProblems(error.problems));
    throw error;
  }
}

const stackPlan = await loadPlan();
await pulumi.log.info(describePlan(stackPlan));

/** `models.<name>`: alias, endpoint, modelId, baseModel, systemPrompt, runId, verdict, score, contractVersion.
 * `plan.<name>`: what was planned of it (core/plan/summary.ts). */
export const { models, plan } = await declareStack(stackPlan);
