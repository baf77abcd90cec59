import path from "node:path";
import { CATALOG, type Catalog } from "../core/catalog/base-models.ts";
import type { Instance } from "../core/catalog/instances.ts";
import { planFineTune, type FineTunePlan, type StackPlan } from "../core/plan/plan.ts";
import { resolveBase, type BaseFolder, type ResolvedBase } from "../core/plan/resolve.ts";
import { planServers } from "../core/plan/servers.ts";
import { servingPlan } from "../core/plan/serving-plan.ts";
import { EXIT_CODES } from "../core/spec/exit-codes.ts";
import type { DataFacts } from "../core/plan/work.ts";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import { InvalidInput, type Problem } from "../core/spec/problems.ts";
import type { StackConfig } from "../core/spec/stack.ts";
import { readBaseFolder } from "./base-folder.ts";
import { readCatalog } from "./catalog.ts";
import { DataFiles } from "./data-files.ts";
import { limitProblems, memoryProblems, type Planned } from "./limits.ts";
import { machineFacts, type MachineFacts } from "./machine.ts";
import { readInstances } from "./hardware.ts";
import { findModelFiles, modelProblem, readModelFiles, type ModelFile } from "./model-files.ts";
import { portProblems } from "./ports.ts";
import { sharedWorkspaceProblems, stackFileName } from "./stack-files.ts";
import { storageProblems } from "./storage.ts";
import {
  accuracyOf,
  currentRun,
  finishedTrainings,
  runState,
  verdictOf,
  type Trainings,
} from "./workspace.ts";

export interface LoadOptions {
  /** Absolute path of the project. */
  root: string;
  config: StackConfig;
  stack: string;
  /** Model files to look at instead of the stack's, relative to the project. */
  files?: readonly string[];
  /** Replaces what is read from this machine, for tests. */
  machine?: MachineFacts;
  /** Another machine makes it true: this one's memory, disk, ports and speed say nothing, and are not read. */
  elsewhere?: boolean;
}

/**
 * Read everything that a stack's plan needs and plan it. Writes nothing.
 * Throws InvalidInput with all problems of all files; its exit code is that of the first kind found of:
 * model files, data, then what the machine lacks (disk, memory, port).
 */
export async function loadStackPlan(options: LoadOptions): Promise<StackPlan> {
  const { root, config, stack } = options;
  const stackFile = stackFileName(stack);
  const files = options.files ?? findModelFiles(root, config.models);
  if (files.length === 0) throw new InvalidInput([noModelFiles(config.models, stackFile)]);
  const workspace = path.resolve(root, config.workspace);
  const elsewhere = options.elsewhere ?? false;
  const machine = options.machine ?? (elsewhere ? ANY_MACHINE : machineFacts(workspace));
  const { USAGE, DATA, STORAGE, OUT_OF_MEMORY, PORT_IN_USE } = EXIT_CODES;

  const { planned, problems, dataProblems, instances, catalog } = planAll(options, files, workspace, machine);
  const shared = sharedWorkspaceProblems(root, stack, config);
  // The hours of target `local` are this machine's; a rented one costs and takes the same from anywhere.
  const limits = elsewhere && config.target === "local" ? [] : limitProblems(planned, config.target);
  throwAny([
    { problems: [...shared, ...problems, ...limits], exitCode: USAGE.code },
    { problems: dataProblems, exitCode: DATA.code },
  ]);
  const fineTunes = planned.map(({ plan }) => (elsewhere ? withoutTimeHere(plan) : plan));
  const servers = planServers(fineTunes, config, workspace);
  const { target, parallelism } = config;
  const served = fineTunes.flatMap((plan) => plan.served ?? []);
  const serving = servingPlan(served, instances);
  const stackPlan: StackPlan = {
    schemaVersion: 1,
    target,
    workspace,
    parallelism,
    fineTunes,
    servers,
    serving,
  };
  if (elsewhere) return stackPlan;
  throwAny([
    { problems: storageProblems(fineTunes, workspace, machine, stackFile, catalog), exitCode: STORAGE.code },
    {
      problems: memoryProblems(planned, machine.memoryBytes, config.parallelism, stackFile),
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

const withoutTimeHere = (plan: FineTunePlan): FineTunePlan => ({ ...plan, seconds: null, prediction: null });

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
  workspace: string;
  config: StackConfig;
  machine: MachineFacts;
  data: DataFiles;
  baseFolder: (folder: string) => BaseFolder | string;
  trainings: Trainings;
  instances: readonly Instance[];
  catalog: Catalog;
}

/** The files besides model files that planning reads: what may be rented, and bases of the project's own. */
function readOwnFiles({
  root,
  config,
  stack,
}: LoadOptions): Pick<Shared, "instances" | "catalog"> & { problems: Problem[] } {
  const stackFile = stackFileName(stack);
  const hardware = readInstances(root, config.hardware, stackFile);
  const bases = readCatalog(root, config.catalog, stackFile);
  return {
    instances: "instances" in hardware ? hardware.instances : [],
    catalog: "catalog" in bases ? bases.catalog : CATALOG,
    problems: [hardware, bases].flatMap((read) => ("problems" in read ? read.problems : [])),
  };
}

function planAll(
  options: LoadOptions,
  files: readonly string[],
  workspace: string,
  machine: MachineFacts,
): Pick<Shared, "instances" | "catalog"> & {
  planned: Planned[];
  problems: Problem[];
  dataProblems: Problem[];
} {
  const { root, config } = options;
  const { models, problems } = readModelFiles(root, files);
  const { instances, catalog, problems: ownProblems } = readOwnFiles(options);
  problems.push(...ownProblems);
  const folders = new Map<string, BaseFolder | string>();
  const shared: Shared = {
    workspace,
    config,
    machine,
    data: new DataFiles(root, models),
    baseFolder(folder) {
      const found = folders.get(folder) ?? readBaseFolder(folder);
      folders.set(folder, found);
      return found;
    },
    trainings: finishedTrainings(workspace),
    instances,
    catalog,
  };
  const planned: Planned[] = [];
  const dataProblems: Problem[] = [];
  for (const model of models) {
    const base = resolveModelBase(model, shared);
    const data = shared.data.read(model);
    if ("problems" in base) problems.push(...base.problems);
    if ("problems" in data) dataProblems.push(...data.problems);
    if ("problems" in base || "problems" in data) continue;
    planned.push({ model, plan: planModel(model, base.resolved, data.facts, shared) });
  }
  return { planned, problems, dataProblems, instances, catalog };
}

/** What comparing bases for one model file needs; its own base does not matter. */
export function loadModelFacts(
  options: LoadOptions,
):
  | { spec: FineTuneSpec; data: DataFacts; instances: readonly Instance[]; catalog: Catalog }
  | { problems: Problem[] } {
  const { root, files = [] } = options;
  const { models, problems } = readModelFiles(root, files);
  const { instances, catalog, problems: ownProblems } = readOwnFiles(options);
  problems.push(...ownProblems);
  const [model] = models;
  if (model === undefined || problems.length > 0) return { problems };
  const data = new DataFiles(root, models).read(model);
  if ("problems" in data) return data;
  return { spec: model.spec, data: data.facts, instances, catalog };
}

function planModel(
  { spec }: ModelFile,
  base: ResolvedBase,
  data: Parameters<typeof planFineTune>[1]["data"],
  { workspace, machine, trainings, instances }: Shared,
): FineTunePlan {
  const { id } = base.base;
  const last = trainings.lastOf(id);
  return planFineTune(spec, {
    base,
    data,
    memoryBytes: machine.memoryBytes,
    instances,
    lastAccuracy: last?.accuracy ?? null,
    measuredOn: (gpu) => trainings.measuredOn(id, gpu),
    accuracyOf: (runId) => accuracyOf(workspace, runId),
    speed: last?.speed ?? { source: "probe", flopsPerSecond: machine.flopsPerSecond() },
    runState: (runId) => runState(workspace, runId),
    verdictOf: (runId) => verdictOf(workspace, runId),
    current: currentRun(workspace, spec.name),
  });
}

function resolveModelBase(
  model: ModelFile,
  { config, baseFolder, catalog }: Shared,
): { resolved: ResolvedBase } | { problems: Problem[] } {
  const { spec } = model;
  const folder =
    typeof spec.base === "object" && "folder" in spec.base
      ? baseFolder(path.resolve(model.folder, spec.base.folder))
      : null;
  if (typeof folder === "string") return { problems: [modelProblem(model, "base.folder", folder)] };
  const resolution = resolveBase(spec, config, folder, catalog);
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
