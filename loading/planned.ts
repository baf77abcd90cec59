import path from "node:path";
import { CATALOG, type Catalog } from "../core/catalog/base-models.ts";
import type { Instance } from "../core/catalog/instances.ts";
import { planFineTune } from "../core/plan/plan.ts";
import { resolveBase, type BaseFolder, type ResolvedBase } from "../core/plan/resolve.ts";
import type { DataFacts } from "../core/plan/work.ts";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import type { Problem } from "../core/spec/problems.ts";
import type { StackConfig } from "../core/spec/stack.ts";
import { readBaseFolder } from "./base-folder.ts";
import { readCatalog } from "./catalog.ts";
import { DataFiles } from "./data-files.ts";
import { readInstances } from "./hardware.ts";
import type { Planned } from "./limits.ts";
import { modelProblem, readModelFiles, type ModelFile } from "./model-files.ts";
import type { Place } from "./place.ts";
import { stackFileName } from "./stack-files.ts";

/** What is planned: a stack's model files, and the files beside them that planning reads. */
export interface ProjectFiles {
  /** Absolute path of the project. */
  root: string;
  config: StackConfig;
  stack: string;
  /** Model files to look at instead of the stack's, relative to the project. */
  files?: readonly string[];
}

/** What all fine-tunes of a plan share: files that are read once, facts that are looked up once. */
interface Shared {
  config: StackConfig;
  place: Place;
  data: DataFiles;
  baseFolder: (folder: string) => BaseFolder | string;
  instances: readonly Instance[];
  catalog: Catalog;
}

/** The files besides model files that planning reads: what may be rented, and bases of the project's own. */
function readOwnFiles({
  root,
  config,
  stack,
}: ProjectFiles): Pick<Shared, "instances" | "catalog"> & { problems: Problem[] } {
  const stackFile = stackFileName(stack);
  const hardware = readInstances(root, config.hardware, stackFile);
  const bases = readCatalog(root, config.catalog, stackFile);
  return {
    instances: "instances" in hardware ? hardware.instances : [],
    catalog: "catalog" in bases ? bases.catalog : CATALOG,
    problems: [hardware, bases].flatMap((read) => ("problems" in read ? read.problems : [])),
  };
}

/** Plans every model file, and gathers all problems of all files. */
export function planAll(
  options: ProjectFiles,
  files: readonly string[],
  place: Place,
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
    config,
    place,
    data: new DataFiles(root, models),
    baseFolder(folder) {
      const found = folders.get(folder) ?? readBaseFolder(folder);
      folders.set(folder, found);
      return found;
    },
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
    planned.push(planModel(model, base.resolved, data.facts, shared));
  }
  return { planned, problems, dataProblems, instances: shared.instances, catalog };
}

/** What comparing bases for one model file needs; its own base does not matter. */
export function loadModelFacts(
  options: ProjectFiles,
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
  model: ModelFile,
  resolved: ResolvedBase,
  found: DataFacts,
  { place, instances: all }: Shared,
): Planned {
  const instances = all
    .filter((instance) => place.offers(instance, resolved.architecture))
    .map((instance) => place.bought(instance));
  const base = { ...resolved, base: place.base(resolved.base) };
  const sources = found.sources.map((source) => ({ ...source, path: place.source(source) }));
  const data = { ...found, sources };
  const plan = planFineTune(model.spec, { ...place.facts(model.spec, base.base), base, data, instances });
  const files = Object.fromEntries(found.sources.map(({ sha256, path }) => [sha256, path]));
  return { model, plan, files };
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
