import * as pulumi from "@pulumi/pulumi";
import type { StackPlan } from "../core/plan/plan.ts";
import { planSummary, type PlanSummary } from "../core/plan/summary.ts";
import { FineTune } from "./fine-tune.ts";
import { leaseFile, takeLease } from "./local/lease.ts";
import { ModelServer } from "./model-server.ts";

export interface StackOutputs {
  models: Record<string, FineTune["outputs"]>;
  plan: Record<string, PlanSummary>;
}

/**
 * Declare everything a plan asks for. The servers come first and do not wait for the runs: while a new
 * run trains, and when the gate refuses it, the model that serves today answers.
 */
export function declareStack(plan: StackPlan, stack: string): StackOutputs {
  const { workspace, parallelism } = plan;
  const lease = leaseFile(workspace, stack);
  if (!pulumi.runtime.isDryRun()) takeLease(lease); // a preview must not end a running update
  const servers = new Map(
    plan.servers.map((server) => [server.key, new ModelServer(server.key, { plan: server, workspace })]),
  );
  const models: StackOutputs["models"] = {};
  for (const fineTune of plan.fineTunes) {
    const server = servers.get(fineTune.serving.server);
    if (server === undefined) throw new Error(`no server for ${fineTune.name}: a defect of the planner`);
    const { name } = fineTune;
    models[name] = new FineTune(name, { plan: fineTune, server, workspace, parallelism, lease }).outputs;
  }
  return { models, plan: planSummary(plan) };
}
