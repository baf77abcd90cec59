import path from "node:path";
import type { Instance } from "../core/catalog/instances.ts";
import { planClusterServers } from "../core/plan/cluster-servers.ts";
import { planKubernetes } from "../core/plan/kubernetes-plan.ts";
import { planFineTune, type FineTunePlan, type StackPlan } from "../core/plan/plan.ts";
import { resolveBase, type BaseFolder, type ResolvedBase } from "../core/plan/resolve.ts";
import { planServers } from "../core/plan/servers.ts";
import { servingPlan } from "../core/plan/serving-plan.ts";
import { VOLUME } from "../core/plan/volume.ts";
import { EXIT_CODES } from "../core/spec/exit-codes.ts";
import type { DataFacts } from "../core/plan/work.ts";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import type { KubernetesSettings } from "../core/spec/kubernetes.ts";
import { InvalidInput, type Problem } from "../core/spec/problems.ts";
import type { StackConfig } from "../core/spec/stack.ts";
import { readBaseFolder } from "./base-folder.ts";
import { clusterLimitProblems, dataSizeProblems, gpuProblems, settingProblems } from "./cluster-limits.ts";
import { DataFiles } from "./data-files.ts";
import { limitProblems, memoryProblems, type Planned } from "./limits.ts";
import { machineFacts, type MachineFacts } from "./machine.ts";
import { readInstances } from "./hardware.ts";
import { findModelFiles, modelProblem, readModelFiles, type ModelFile } from "./model-files.ts";
import { clusterPlace, localPlace, NOTHING_KNOWN, type ClusterFacts, type Place } from "./place.ts";
import { portProblems } from "./ports.ts";
import { sharedWorkspaceProblems, stackFileName } from "./stack-files.ts";
import { storageProblems } from "./storage.ts";

export interface LoadOptions {
  /** Absolute path of the project. */
  root: string;
  config: StackConfig;
  stack: string;
  /** Model files to look at instead of the stack's, relative to the project. */
  files?: readonly string[];
  /** Replaces what is read from this machine, for tests. */
  machine?: MachineFacts;
  /** Asks the cluster of target kubernetes what it holds; without it, nothing is known. */
  cluster?: (namespace: string, settings: KubernetesSettings) => Promise<ClusterFacts>;
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
  const machine = options.machine ?? machineFacts(workspace);
  const { planned, problems, dataProblems, instances } = planAll(
    options,
    files,
    localPlace(workspace, machine),
  );
  const shared = sharedWorkspaceProblems(root, stack, config);
  throwAny([
    {
      problems: [...shared, ...problems, ...limitProblems(planned, target)],
      exitCode: EXIT_CODES.USAGE.code,
    },
    { problems: dataProblems, exitCode: EXIT_CODES.DATA.code },
  ]);
  const fineTunes = planned.map(({ plan }) => plan);
  const servers = planServers(fineTunes, config, workspace);
  const { STORAGE, OUT_OF_MEMORY, PORT_IN_USE } = EXIT_CODES;
  throwAny([
    { problems: storageProblems(fineTunes, workspace, machine, stackFile), exitCode: STORAGE.code },
    {
      problems: memoryProblems(planned, machine.memoryBytes, parallelism, stackFile),
      exitCode: OUT_OF_MEMORY.code,
    },
    { problems: await portProblems(servers, workspace, stackFile), exitCode: PORT_IN_USE.code },
  ]);
  return {
    schemaVersion: 1,
    target,
    stack,
    workspace,
    kubernetes: null,
    parallelism,
    fineTunes,
    servers,
    serving: servingOf(fineTunes, instances),
  };
}

/** What this machine has does not matter to a cluster; what the stack declares of its nodes does. */
async function loadClusterPlan(
  options: LoadOptions,
  files: readonly string[],
  settings: KubernetesSettings,
): Promise<StackPlan> {
  const { config, stack, cluster } = options;
  const { target, parallelism } = config;
  const stackFile = stackFileName(stack);
  const { namespace } = planKubernetes(stack, settings, {});
  const known = cluster === undefined ? NOTHING_KNOWN : await cluster(namespace, settings);
  const { planned, problems, dataProblems, instances } = planAll(
    options,
    files,
    clusterPlace(settings, known),
  );
  throwAny([
    {
      problems: [
        ...problems,
        ...settingProblems(planned, settings, stackFile),
        ...clusterLimitProblems(planned, settings),
        ...dataSizeProblems(planned),
      ],
      exitCode: EXIT_CODES.USAGE.code,
    },
    { problems: dataProblems, exitCode: EXIT_CODES.DATA.code },
  ]);
  const fineTunes = planned.map(({ plan }) => plan);
  const servers = planClusterServers(fineTunes, settings.gpu);
  throwAny([{ problems: gpuProblems(planned, servers, settings), exitCode: EXIT_CODES.OUT_OF_MEMORY.code }]);
  const dataFiles = Object.assign({}, ...planned.map(({ files }) => files)) as Record<string, string>;
  return {
    schemaVersion: 1,
    target,
    stack,
    workspace: VOLUME,
    kubernetes: planKubernetes(stack, settings, dataFiles),
    parallelism,
    fineTunes,
    servers,
    serving: servingOf(fineTunes, instances),
  };
}

const servingOf = (fineTunes: readonly FineTunePlan[], instances: readonly Instance[]) =>
  servingPlan(
    fineTunes.flatMap(({ served }) => served ?? []),
    instances,
  );

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

/** What all fine-tunes of a plan share: files that are read once, facts that are looked up once. */
interface Shared {
  config: StackConfig;
  place: Place;
  data: DataFiles;
  baseFolder: (folder: string) => BaseFolder | string;
  instances: readonly Instance[];
}

function planAll(
  { root, config, stack }: LoadOptions,
  files: readonly string[],
  place: Place,
): { planned: Planned[]; problems: Problem[]; dataProblems: Problem[]; instances: readonly Instance[] } {
  const { models, problems } = readModelFiles(root, files);
  const hardware = readInstances(root, config.hardware, stackFileName(stack));
  if ("problems" in hardware) problems.push(...hardware.problems);
  const folders = new Map<string, BaseFolder | string>();
  const shared: Shared = {
    config,
    place,
    data: new DataFiles(root, models),
    baseFolder(folder) {
      const found = folders.get(folder) ?? readBaseFolder(folder);
      folders.set(folder, found);
      return found;
    },
    instances: "instances" in hardware ? hardware.instances.filter(place.offers) : [],
  };
  const planned: Planned[] = [];
  const dataProblems: Problem[] = [];
  for (const model of models) {
    const base = resolveModelBase(model, shared);
    const data = shared.data.read(model);
    if ("problems" in base) problems.push(...base.problems);
    if ("problems" in data) dataProblems.push(...data.problems);
    if ("problems" in base || "problems" in data) continue;
    planned.push(planModel(model, base.resolved, data.facts, shared));
  }
  return { planned, problems, dataProblems, instances: shared.instances };
}

/** What comparing bases for one model file needs; its own base does not matter. */
export function loadModelFacts({
  root,
  config,
  stack,
  files = [],
}: LoadOptions):
  { spec: FineTuneSpec; data: DataFacts; instances: readonly Instance[] } | { problems: Problem[] } {
  const { models, problems } = readModelFiles(root, files);
  const hardware = readInstances(root, config.hardware, stackFileName(stack));
  if ("problems" in hardware) problems.push(...hardware.problems);
  const [model] = models;
  if (model === undefined || "problems" in hardware || problems.length > 0) return { problems };
  const data = new DataFiles(root, models).read(model);
  if ("problems" in data) return data;
  return { spec: model.spec, data: data.facts, instances: hardware.instances };
}

function planModel(
  model: ModelFile,
  resolved: ResolvedBase,
  found: DataFacts,
  { place, instances }: Shared,
): Planned {
  const base = { ...resolved, base: place.base(resolved.base) };
  const sources = found.sources.map((source) => ({ ...source, path: place.source(source) }));
  const data = { ...found, sources };
  const plan = planFineTune(model.spec, { ...place.facts(model.spec, base.base), base, data, instances });
  const files = Object.fromEntries(found.sources.map(({ sha256, path }) => [sha256, path]));
  return { model, plan, files };
}

function resolveModelBase(
  model: ModelFile,
  { config, baseFolder }: Shared,
): { resolved: ResolvedBase } | { problems: Problem[] } {
  const { spec } = model;
  const folder =
    typeof spec.base === "object" && "folder" in spec.base
      ? baseFolder(path.resolve(model.folder, spec.base.folder))
      : null;
  if (typeof folder === "string") return { problems: [modelProblem(model, "base.folder", folder)] };
  const resolution = resolveBase(spec, config.weights, folder);
  if ("problem" in resolution) {
    const { path: field = "base", message, hint } = resolution.problem;
    return { problems: [modelProblem(model, field, message, hint)] };
  }
  const problems = beyondBase(model, resolution.resolved);
  return problems.length > 0 ? { problems } : resolution;
}

/** Settings that ask for more than the base has. */
function beyondBase(model: ModelFile, { context, architecture, base }: ResolvedBase): Problem[] {
  const { train, serve } = model.spec;
  const check = (field: string, set: number | null, limit: number | undefined, unit: string) =>
    set === null || limit === undefined || set <= limit
      ? []
      : [modelProblem(model, field, `${set} ${unit} of ${base.id}`, `at most ${limit}`)];
  const tokens = "tokens are more than the context";
  return [
    ...check("train.maxLength", train.maxLength, context ?? undefined, tokens),
    ...check("serve.maxLength", serve.maxLength, context ?? undefined, tokens),
    ...check("train.lastLayers", train.lastLayers, architecture?.layers, "layers are more than those"),
  ];
}
