import type { FineTunePlan, StackPlan } from "../plan/plan.ts";
import { aliasesManifest } from "./aliases.ts";
import type { DataParts } from "./data-parts.ts";
import { devicePluginManifests, type DaemonSet } from "./device-plugin.ts";
import { gatewayManifests } from "./gateway.ts";
import type { Manifest } from "./manifest.ts";
import { namespaceManifests } from "./namespace.ts";
import { serverManifests } from "./server.ts";
import { trainingManifests } from "./training.ts";
import { volumeManifests } from "./volumes.ts";

/**
 * All objects of a stack in the order in which they can be applied, as if the gate had promoted every run.
 * `devicePlugin`: see devicePluginManifests.
 */
export function stackManifests(plan: StackPlan, parts: DataParts, devicePlugin: DaemonSet): Manifest[] {
  return [
    ...devicePluginManifests(plan, devicePlugin),
    ...namespaceManifests(plan),
    ...volumeManifests(plan),
    ...plan.fineTunes.flatMap((fineTune) => runObjects(plan, fineTune, parts)),
    ...plan.servers.flatMap((server) => {
      const mine = plan.fineTunes.filter(({ serving }) => serving.server === server.key);
      const { config, account, deployment, service } = serverManifests(plan, server, mine.map(promoted));
      return [config, account, deployment, service].filter((object) => object !== null);
    }),
    aliasesManifest(
      plan,
      plan.fineTunes.map((fineTune) => ({ fineTune, ...promoted(fineTune) })),
    ),
    ...gatewayObjects(plan),
  ];
}

const promoted = ({ serving: { modelId }, runId }: FineTunePlan) => ({ modelId, runId });

function runObjects(plan: StackPlan, fineTune: FineTunePlan, parts: DataParts): Manifest[] {
  const built = trainingManifests(plan, fineTune, parts);
  const { serviceAccount, role, roleBinding, verdict, runFile, data, staging, job } = built;
  return [
    serviceAccount,
    role,
    roleBinding,
    verdict,
    runFile,
    ...data,
    ...(staging === null ? [] : [staging]),
    job,
  ];
}

function gatewayObjects(plan: StackPlan): Manifest[] {
  const { deployment, service, disruptionBudget } = gatewayManifests(plan);
  return [deployment, service, ...disruptionBudget];
}
