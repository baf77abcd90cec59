import { GPUS } from "../../core/catalog/gpus.ts";
import { gpuMemory } from "../../core/plan/gpu-memory.ts";
import { tokensPerSecond } from "../../core/plan/throughput.ts";
import type { Range } from "../../core/plan/units.ts";
import { BASES } from "./bases.ts";
import type { MemoryCase } from "./memory-cases.ts";
import type { ThroughputCase } from "./throughput-cases.ts";

/** The planner's figure of the kind that was published, in bytes. */
export function predictedBytes({ base, train, figure }: MemoryCase): number {
  const { allocatedBytes, reservedBytes, processBytes } = gpuMemory(BASES[base], train);
  return { allocated: allocatedBytes, reserved: reservedBytes, process: processBytes }[figure];
}

/** Share by which the planner is above what was published; negative where below. */
export const memoryError = (published: MemoryCase): number => predictedBytes(published) / published.bytes - 1;

export const predictedRates = ({ base, train, gpu }: ThroughputCase): Range<number> =>
  tokensPerSecond(BASES[base], train, GPUS[gpu]);

/** The middle of the sorted absolute values; the upper one of two. */
export function medianOf(errors: readonly number[]): number {
  const sorted = errors.map(Math.abs).sort((x, y) => x - y);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export const worstOf = (errors: readonly number[]): number => Math.max(...errors.map(Math.abs));
