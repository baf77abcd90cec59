import type { Architecture } from "../catalog/architecture.ts";
import { GPU_IDS, GPUS, type GpuId } from "../catalog/gpus.ts";
import { gpuMemory, type GpuMemory, type GpuTraining } from "./gpu-memory.ts";
import { USABLE_SHARE } from "./shapes.ts";
import { tokensPerSecond } from "./throughput.ts";
import type { Bytes, Range } from "./units.ts";

/** One what-if, without a spec. */
export interface Estimate extends GpuMemory {
  /** `allocatedBytes`: what published peaks mostly are of, and nearest to them (docs/planner.md). */
  peakBytes: Bytes;
  /** GPU that `tokensPerSecond` is of: the one asked for, else the smallest that it fits on. */
  gpu: GpuId | null;
  /** Tokens a second of one GPU; null where it fits on none. */
  tokensPerSecond: Range<number> | null;
  /** By GPU: does the process fit into what CUDA sees, with a reserve of 5 %, and has it bf16? */
  fits: Record<GpuId, boolean>;
}

/** Memory and speed of a training step. */
export function estimate(a: Architecture, train: GpuTraining, wanted: GpuId | null): Estimate {
  const memory = gpuMemory(a, train);
  const fitting = (id: GpuId) => GPUS[id].bf16 && memory.processBytes <= GPUS[id].memoryBytes * USABLE_SHARE;
  const [smallest] = GPU_IDS.filter(fitting).sort((x, y) => GPUS[x].memoryBytes - GPUS[y].memoryBytes);
  const gpu = wanted ?? smallest ?? null;
  return {
    ...memory,
    peakBytes: memory.allocatedBytes,
    gpu,
    tokensPerSecond: gpu === null ? null : tokensPerSecond(a, train, GPUS[gpu]),
    fits: Object.fromEntries(GPU_IDS.map((id) => [id, fitting(id)])) as Record<GpuId, boolean>,
  };
}
