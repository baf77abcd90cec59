import path from "node:path";
import type { Instance } from "../core/catalog/instances.ts";
import { planClusterServers } from "../core/plan/cluster-servers.ts";
import { isOffered } from "../core/plan/gpu-pools.ts";
import { planKubernetes } from "../core/plan/kubernetes-plan.ts";
import type { FineTunePlan, StackPlan } from "../core/plan/plan.ts";
import { planServers } from "../core/plan/servers.ts";
import { servingPlan } from "../core/plan/serving-plan.ts";
import { VOLUME } from "../core/plan/volume.ts";
import { EXIT_CODES } from "../core/spec/exit-codes.ts";
import type { AwsSettings } from "../core/spec/aws.ts";
import type { KubernetesSettings } from "../core/spec/kubernetes.ts";
import { InvalidInput, type Problem } from "../core/spec/problems.ts";
import {
  clusterLimitProblems,
  dataSizeProblems,
  exampleImageProblems,
  gpuProblems,
  settingProblems,
} from "./cluster-limits.ts";
import { devicePluginProblems, secondDevicePluginProblems } from "./device-plugin.ts";
import { limitProblems, memoryProblems, type Planned } from "./limits.ts";
import { machineFacts, type MachineFacts } from "./machine.ts";
import { findModelFiles } from "./model-files.ts";
import { awsProblems, bucketProblems, holdsServer, objectsOf, planPoolsOf } from "./aws.ts";
import { awsPlace, clusterPlace, localPlace, NOTHING_KNOWN, type ClusterFacts } from "./place.ts";
import { planAll, type ProjectFiles } from "./planned.ts";
import { portProblems } from "./ports.ts";
import { sharedWorkspaceProblems, stackFileName } from "./stack-files.ts";
import { storageProblems } from "./storage.ts";

export interface LoadOptions extends ProjectFiles {
  /** Replaces what is read from this machine, for tests. */
  machine?: MachineFacts;
  /** Another machine makes it true: this one's memory, disk, ports and speed say nothing, and are not read. */
  elsewhere?: boolean;
  /** Asks the cluster of target kubernetes what it holds (loading/cluster.ts); without it, nothing is known. */
  cluster?: (root: string, namespace: string, settings: KubernetesSettings) => Promise<ClusterFacts>;
}

/**
 * Read everything that a stack's plan needs and plan it. Writes nothing.
 * Throws InvalidInput with all problems of all files; its exit code is that of the first kind found of:
 * model files, data, then what the machine or the cluster lacks (disk, memory, port).
 */
export async function loadStackPlan(options: LoadOptions): Promise<StackPlan> {
  const { root, config, stack } = options;
  const files = options.files ?? findModelFiles(root, config.models);
  if (files.length === 0) throw new InvalidInput([noModelFiles(config.models, stackFileName(stack))]);
  return config.kubernetes === null
    ? loadLocalPlan(options, files)
    : loadClusterPlan(options, files, config.kubernetes);
}

async function loadLocalPlan(options: LoadOptions, files: readonly string[]): Promise<StackPlan> {
  const { root, config, stack } = options;
  const { target, parallelism } = config;
  const stackFile = stackFileName(stack);
  const workspace = path.resolve(root, config.workspace);
  const elsewhere = options.elsewhere ?? false;
  const machine = options.machine ?? (elsewhere ? ANY_MACHINE : machineFacts(workspace));
  const { planned, problems, dataProblems, instances, catalog } = planAll(
    options,
    files,
    localPlace(workspace, machine),
  );
  const shared = sharedWorkspaceProblems(root, stack, config);
  throwAny([
    {
      // Hours on this machine do not count elsewhere.
      problems: [
        ...shared,
        ...problems,
        ...bucketProblems(planned, null),
        ...(elsewhere ? [] : limitProblems(planned, target)),
      ],
      exitCode: EXIT_CODES.USAGE.code,
    },
    { problems: dataProblems, exitCode: EXIT_CODES.DATA.code },
  ]);
  const fineTunes = planned.map(({ plan }) => (elsewhere ? withoutTimeHere(plan) : plan));
  const servers = planServers(fineTunes, config, workspace);
  const stackPlan: StackPlan = {
    schemaVersion: 1,
    target,
    stack,
    workspace,
    kubernetes: null,
    aws: null,
    parallelism,
    fineTunes,
    servers,
    serving: servingOf(fineTunes, instances),
    notes: [],
  };
  if (elsewhere) return stackPlan;
  const { STORAGE, OUT_OF_MEMORY, PORT_IN_USE } = EXIT_CODES;
  throwAny([
    { problems: storageProblems(fineTunes, workspace, machine, stackFile, catalog), exitCode: STORAGE.code },
    {
      problems: memoryProblems(planned, machine.memoryBytes, parallelism, stackFile),
      exitCode: OUT_OF_MEMORY.code,
    },
    { problems: await portProblems(servers, workspace, stackFile), exitCode: PORT_IN_USE.code },
  ]);
  return stackPlan;
}

/** Refuses nothing, and plans the same wherever it runs. */
const ANY_MACHINE: MachineFacts = {
  memoryBytes: Infinity,
  freeDiskBytes: Infinity,
  flopsPerSecond: () => Infinity,
};

const withoutTimeHere = (plan: FineTunePlan): FineTunePlan => ({
  ...plan,
  seconds: null,
  declaredSeconds: null,
  prediction: null,
});

/** What this machine has does not matter to a cluster; what the stack declares of its nodes does. */
async function loadClusterPlan(
  options: LoadOptions,
  files: readonly string[],
  settings: KubernetesSettings,
): Promise<StackPlan> {
  const { root, config, stack, cluster } = options;
  const { target, parallelism } = config;
  const stackFile = stackFileName(stack);
  const { namespace } = planKubernetes(stack, settings, {});
  const known = cluster === undefined ? NOTHING_KNOWN : await cluster(root, namespace, settings);
  const { planned, problems, dataProblems, instances } = planAll(
    options,
    files,
    config.aws === null ? clusterPlace(settings, known) : awsPlace(settings, config.aws, known),
  );
  throwAny([
    {
      problems: [
        ...problems,
        ...settingProblems(planned, settings, stackFile),
        ...clusterLimitProblems(planned, settings),
        ...(config.aws === null ? [] : awsProblems(planned)),
        ...dataSizeProblems(planned),
        ...bucketProblems(planned, config.aws),
        ...devicePluginProblems(root, config),
        ...secondDevicePluginProblems(known.devicePlugins, stackFile),
      ],
      exitCode: EXIT_CODES.USAGE.code,
    },
    { problems: dataProblems, exitCode: EXIT_CODES.DATA.code },
  ]);
  const fineTunes = planned.map(({ plan }) => plan);
  const serving = servingOf(fineTunes, instances, config.aws);
  const servers = planClusterServers(fineTunes, (base) =>
    config.aws === null ? settings.gpu : (serving.servers.find(({ baseId }) => baseId === base)?.gpu ?? null),
  );
  throwAny([{ problems: gpuProblems(planned, servers), exitCode: EXIT_CODES.OUT_OF_MEMORY.code }]);
  const { dataFiles, bucketKeys } = dataOf(planned);
  const kubernetes = planKubernetes(stack, settings, dataFiles, bucketKeys);
  const aws =
    config.aws === null
      ? null
      : planPoolsOf({ stack, settings: config.aws, fineTunes, servers, kubernetes, instances });
  const stackPlan: StackPlan = {
    schemaVersion: 1,
    target,
    stack,
    workspace: VOLUME,
    kubernetes: aws?.kubernetes ?? kubernetes,
    aws: aws?.aws ?? null,
    parallelism,
    fineTunes,
    servers,
    serving,
    notes: [...known.notes, ...(aws?.notes ?? [])],
  };
  const examples = cluster === undefined ? [] : exampleImageProblems(stackPlan, stackFile);
  throwAny([{ problems: examples, exitCode: EXIT_CODES.USAGE.code }]);
  return stackPlan;
}

/** How data gets into a cluster: as Secrets of what lies here, or from the bucket; by its sha256. */
function dataOf(planned: readonly Planned[]) {
  const objects = planned.flatMap(({ model }) => Object.entries(objectsOf(model)));
  const bucketKeys = Object.fromEntries(objects.map(([sha256, { key }]) => [sha256, key]));
  const local = planned.flatMap(({ files }) => Object.entries(files));
  const dataFiles = Object.fromEntries(local.filter(([sha256]) => !(sha256 in bucketKeys)));
  return { dataFiles, bucketKeys };
}

function servingOf(
  fineTunes: readonly FineTunePlan[],
  instances: readonly Instance[],
  aws: AwsSettings | null = null,
) {
  const served = fineTunes.flatMap((fineTune) => (fineTune.engine === "cpu" ? [] : (fineTune.served ?? [])));
  return aws === null
    ? servingPlan(
        fineTunes.flatMap(({ served }) => served ?? []),
        instances,
      )
    : servingPlan(
        served,
        instances.filter((instance) => isOffered(instance, aws, "serving")),
        holdsServer,
      );
}

function noModelFiles(pattern: string, stackFile: string): Problem {
  return {
    file: stackFile,
    path: "tuneform:models",
    message: `${pattern} matches no file`,
    hint: "add a model file, see models/spam-triage.yaml",
  };
}

/** All problems together, under the exit code of the first kind that has one. */
function throwAny(kinds: { problems: Problem[]; exitCode: number }[]): void {
  const [first] = kinds.filter(({ problems }) => problems.length > 0);
  if (first === undefined) return;
  throw new InvalidInput(
    kinds.flatMap(({ problems }) => problems),
    first.exitCode,
  );
}
