import type { Architecture } from "../catalog/architecture.ts";
import { CATALOG, type BaseModel, type Catalog } from "../catalog/base-models.ts";
import { nearest } from "../spec/explain.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { Problem } from "../spec/problems.ts";
import type { Base, RunFile } from "../spec/run-file.ts";
import type { StackConfig } from "../spec/stack.ts";

export interface ResolvedBase {
  base: Base;
  /** Unknown for a hub model outside the catalog: its memory and time cannot be planned. */
  architecture: Architecture | null;
  /** Tokens; null where unknown. */
  context: number | null;
  /** Its catalog entry, where it has one. */
  entry: BaseModel | null;
}

/** What loading found in a `base: {folder}`. */
export interface BaseFolder {
  path: string;
  digest: string;
  architecture: Architecture;
  context: number;
}

type Resolution = { resolved: ResolvedBase } | { problem: Omit<Problem, "file"> };

/** Which weights a spec's `base` means on this stack. `folder` is what loading found in a `base: {folder}`. */
export function resolveBase(
  spec: FineTuneSpec,
  { weights, catalog: catalogFile }: Pick<StackConfig, "weights" | "catalog">,
  folder: BaseFolder | null,
  catalog: Catalog,
): Resolution {
  if (folder !== null) {
    const { path, digest, architecture, context } = folder;
    const id = path.split("/").at(-1) ?? path;
    const base: Base = {
      id,
      hubId: null,
      revision: null,
      weights: { kind: "folder", path, digest },
      licence: null,
    };
    return { resolved: { base, architecture, context, entry: null } };
  }
  if (typeof spec.base === "string") return resolveCatalog(spec.base, weights, catalog, catalogFile);
  if ("hub" in spec.base) {
    const { hub, revision } = spec.base;
    const known = [...catalog.values()].find((entry) => entry.hubId === hub);
    const base: Base = {
      id: hub,
      hubId: hub,
      revision,
      weights: { kind: "hub" },
      licence: known?.licence ?? null,
    };
    const architecture = known?.architecture ?? null;
    return { resolved: { base, architecture, context: known?.context ?? null, entry: known ?? null } };
  }
  throw new Error("a folder base without what loading found in it");
}

function resolveCatalog(
  id: string,
  weights: StackConfig["weights"],
  catalog: Catalog,
  catalogFile: string,
): Resolution {
  const entry = catalog.get(id);
  if (entry === undefined) {
    const near = nearest(id, [...catalog.keys()]);
    const known = `one of ${[...catalog.keys()].join(", ")}, or {hub, revision}, or {folder}`;
    const hint = near === undefined ? known : `did you mean ${near}?`;
    return { problem: { path: "base", message: `${id} is not in the catalog`, hint } };
  }
  const { hubId, revision, licence, architecture, context } = entry;
  const common = { id, hubId, licence };
  if (weights === "package" && entry.package !== undefined) {
    // No revision: nobody says that the package's weights are those of a certain commit.
    const base: Base = { ...common, revision: null, weights: { kind: "package", ...entry.package } };
    return { resolved: { base, architecture, context, entry } };
  }
  if (revision !== null) {
    const base: Base = { ...common, revision, weights: { kind: "hub" } };
    return { resolved: { base, architecture, context, entry } };
  }
  const hint = CATALOG.has(id)
    ? `pin one: base: {hub: ${hubId}, revision: <commit hash>}`
    : `set bases.${id}.revision in ${catalogFile} to a commit hash of ${hubId}`;
  return { problem: { path: "base", message: `${id} has no verified hub revision in the catalog`, hint } };
}

/** What a training may take: bytes at best, and a share of the machine's memory at most. On a CPU a larger
 * micro-batch is hardly faster (docs/decisions/002), and the machine has other things to do. */
const MEMORY = { wantedBytes: 2.8e9, mostShare: 0.6 };

/** What a spec leaves open of a training. */
export interface TrainingChoice {
  method: "lora" | "qlora";
  microBatch: number;
  checkpointing: boolean;
  computeDtype: RunFile["train"]["computeDtype"];
}

/** Training settings with nothing left open. Adapters are trained in float32 everywhere. */
export function trainingWith(spec: FineTuneSpec, choice: TrainingChoice): RunFile["train"] {
  const { effectiveBatch, method: _declared, alpha, ...settings } = spec.train;
  const { method, microBatch, checkpointing, computeDtype } = choice;
  return {
    ...settings,
    method,
    alpha: alpha ?? 2 * settings.rank,
    microBatch,
    gradientAccumulation: effectiveBatch / microBatch,
    gradientCheckpointing: checkpointing,
    computeDtype,
    adapterDtype: "float32",
  };
}

/** Training settings for a CPU. `peak` gives the memory of a candidate, in bytes. */
export function resolveTraining(
  spec: FineTuneSpec,
  memoryBytes: number,
  peak: (train: RunFile["train"]) => number,
): RunFile["train"] {
  const { effectiveBatch, method } = spec.train;
  const candidate = (microBatch: number, checkpointing: boolean) =>
    trainingWith(spec, {
      // On a CPU 16-bit weights save memory and cost time; 4-bit ones cost quality too. See decision 002.
      method: method === "auto" ? "lora" : method,
      microBatch,
      checkpointing,
      computeDtype: "float32",
    });
  const divisors = Array.from({ length: effectiveBatch }, (_, i) => effectiveBatch - i).filter(
    (n) => effectiveBatch % n === 0,
  );
  const most = memoryBytes * MEMORY.mostShare;
  const wanted = Math.min(MEMORY.wantedBytes, most);
  const smallest = candidate(1, false);
  return (
    divisors.map((n) => candidate(n, false)).find((train) => peak(train) <= wanted) ??
    (peak(smallest) <= most ? smallest : candidate(1, true))
  );
}

const defaultMetric = {
  classification: "accuracy",
  extraction: "field-accuracy",
  generation: "rouge-l",
} as const;
const defaultNewTokens = { classification: 12, extraction: 256, generation: 256 } as const;

/** Evaluation settings with nothing left open; scored in the type that is served. */
export function resolveEvaluation(
  spec: FineTuneSpec,
  dtype: RunFile["evaluate"]["dtype"] = "float32",
): RunFile["evaluate"] {
  const { metric, maxNewTokens, ...settings } = spec.evaluate;
  return {
    ...settings,
    metric: metric ?? defaultMetric[spec.task],
    maxNewTokens: maxNewTokens ?? defaultNewTokens[spec.task],
    batchRows: 16,
    dtype,
  };
}
