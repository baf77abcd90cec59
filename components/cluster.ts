import path from "node:path";
import { devicePluginManifests } from "../core/kubernetes/device-plugin.ts";
import { clusterOf } from "../core/kubernetes/names.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { readDataParts } from "../loading/data-parts.ts";
import { readDevicePlugin } from "../loading/device-plugin.ts";
import { connectionOf } from "../loading/kubernetes-client.ts";
import type { DeclaredOutputs } from "./fine-tune.ts";
import { clusterProvider } from "./kubernetes/provider.ts";
import { ClusterStack } from "./kubernetes/stack.ts";

const projectRoot = path.resolve(import.meta.dirname, "..");

/** Declare what a plan asks for in a cluster: one that is there, or the one that target `aws` makes. */
export async function declareCluster(
  plan: StackPlan,
  lease: string,
): Promise<Record<string, DeclaredOutputs>> {
  const parts = readDataParts(plan.kubernetes?.dataFiles ?? {});
  const devicePlugin = devicePluginManifests(plan, readDevicePlugin(projectRoot));
  const inside = { plan, parts, devicePlugin, lease };
  const connection = connectionOf(projectRoot, clusterOf(plan));
  if (plan.aws !== null) {
    const { AwsStack } = await import("./aws/stack.ts"); // the SDK takes a second to load
    return new AwsStack(plan.aws.name, { ...inside, aws: plan.aws, connection }).models;
  }
  return new ClusterStack("cluster", { ...inside, connection, provider: clusterProvider(connection) }).models;
}
