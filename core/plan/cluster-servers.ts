import { adapterParameters, parameterCount, type Architecture } from "../catalog/architecture.ts";
import { GPUS, type GpuId } from "../catalog/gpus.ts";
import type { Engine } from "../spec/kubernetes.ts";
import type { FineTunePlan } from "./plan.ts";
import type { ServerPlan } from "./servers.ts";
import { servingMemory } from "./serving-memory.ts";
import { bytes, type Bytes } from "./units.ts";

/** Cores that a pod of vLLM asks for: it reads requests and samples on the CPU. */
export const VLLM_CORES = 2;

/** The port that servers listen on in their pods and Services. */
export const SERVER_PORT = 8000;

/**
 * One server for each base and engine, whose fine-tunes share the weights, and one for each fine-tune whose adapter is
 * in the weights. In order of the keys. `gpuOf`: the GPU
 * that serves a base, given its id; null: none.
 */
export function planClusterServers(
  fineTunes: readonly FineTunePlan[],
  gpuOf: (baseId: string) => GpuId | null,
): ServerPlan[] {
  const keys = [...new Set(fineTunes.map(({ serving }) => serving.server))].sort();
  return keys.map((key) => {
    const mine = fineTunes.filter(({ serving }) => serving.server === key);
    const [first] = mine;
    if (first === undefined) throw new Error("a server without fine-tunes");
    return planServer(key, first, mine, gpuOf(first.run.base.id));
  });
}

function planServer(
  key: string,
  { engine: declared, run, served }: FineTunePlan,
  mine: readonly FineTunePlan[],
  gpu: GpuId | null,
): ServerPlan {
  const engine = declared ?? "cpu";
  const architecture = served?.architecture ?? null;
  const wanted = Math.max(...mine.map((each) => each.run.serve.maxLength));
  const weights = run.serve.weights === "merged" ? "merged" : "adapters";
  const ranks = weights === "merged" ? [] : mine.map((each) => each.run.train.rank);
  const gpuMemory =
    engine === "cpu" || gpu === null || architecture === null
      ? null
      : servingMemory(architecture, GPUS[gpu], ranks, { context: wanted, embeddingSlots: false });
  return {
    key,
    engine,
    weights,
    hostBytes: architecture === null ? null : serverHostBytes(architecture, engine, ranks),
    gpu: engine === "cpu" ? null : gpu,
    gpuMemory,
    server: {
      schemaVersion: 1,
      base: run.base,
      host: "0.0.0.0",
      port: SERVER_PORT,
      dtype: run.serve.dtype,
      maxLength: gpuMemory?.maxModelLength ?? wanted,
      aliasesFile: "/server/aliases.json",
      maxBatchRows: 8,
      apiKeyVariable: null,
    },
  };
}

/** Adapters that the trainer's server holds at most. */
const HELD_ADAPTERS = 16;

/**
 * Main memory of a server. vLLM: CUDA libraries, its processes, and the weights once in 16 bits on their way
 * to the GPU; unverified. The trainer's: Python and torch, weights and adapters in 32 bits, and half as much
 * again as the weights for activations and cache.
 */
export function serverHostBytes(a: Architecture, engine: Engine, ranks: readonly number[]): Bytes {
  if (engine === "vllm") return bytes(8e9 + 2 * parameterCount(a));
  const adapter = 4 * adapterParameters(a, Math.max(...ranks), "all-linear");
  return bytes(1.5e9 + 6 * parameterCount(a) + HELD_ADAPTERS * adapter);
}
