/**
 * GPUs that the planner knows. Adding one is an entry here.
 *
 * Memory is what CUDA sees, not the marketing figure. Compute capability: NVIDIA's table
 * (developer.nvidia.com/cuda-gpus). Dense 16-bit TFLOPS and bandwidth: public tables that agree (nanochat
 * `common.py` and Lightning `throughput.py`, July 2026); `isVerified: false` where only one source or a
 * derived figure was found. A10G is 70, not the A10's 125.
 */
export interface Gpu {
  name: string;
  /** Bytes that CUDA sees. */
  memoryBytes: number;
  /** For example 8.9. */
  computeCapability: number;
  bf16: boolean;
  /** Dense, bf16 where the GPU has it, else fp16; in FLOP/s. */
  flopsPerSecond: number;
  /** Bytes a second. */
  bandwidth: number;
  isVerified: boolean;
}

const MIB = 2 ** 20;

const gpu = (
  name: string,
  memoryMib: number,
  computeCapability: number,
  teraflops: number,
  gigabytesPerSecond: number,
  isVerified = true,
): Gpu => ({
  name,
  memoryBytes: memoryMib * MIB,
  computeCapability,
  bf16: computeCapability >= 8,
  flopsPerSecond: teraflops * 1e12,
  bandwidth: gigabytesPerSecond * 1e9,
  isVerified,
});

export const GPUS = {
  t4: gpu("NVIDIA T4", 16384, 7.5, 65, 320),
  t4g: gpu("NVIDIA T4G", 16384, 7.5, 65, 320),
  a10g: gpu("NVIDIA A10G", 22888, 8.6, 70, 600),
  "l4-eighth": gpu("NVIDIA L4, an eighth", 2861, 8.9, 15, 37, false),
  "l4-quarter": gpu("NVIDIA L4, a quarter", 5722, 8.9, 30, 75, false),
  "l4-half": gpu("NVIDIA L4, half", 11444, 8.9, 60, 150, false),
  l4: gpu("NVIDIA L4", 22888, 8.9, 121, 300),
  l40s: gpu("NVIDIA L40S", 45776, 8.9, 362, 864),
  "rtx-4090": gpu("NVIDIA GeForce RTX 4090", 24564, 8.9, 165.2, 1008),
  "rtx-pro-4500": gpu("NVIDIA RTX PRO 4500 Blackwell", 32768, 12.0, 200, 800, false),
  "rtx-pro-6000": gpu("NVIDIA RTX PRO 6000 Blackwell", 98304, 12.0, 500, 1597, false),
  "a100-40gb": gpu("NVIDIA A100 40 GB", 40960, 8.0, 312, 1555),
  "a100-80gb": gpu("NVIDIA A100 80 GB", 81920, 8.0, 312, 2039),
  "h100-80gb": gpu("NVIDIA H100 80 GB", 81920, 9.0, 989, 3350),
  "h200-141gb": gpu("NVIDIA H200", 144384, 9.0, 989, 4800),
  "b200-180gb": gpu("NVIDIA B200", 183359, 10.0, 2250, 8000),
  "b300-288gb": gpu("NVIDIA B300", 275040, 10.3, 2250, 8000, false),
} as const satisfies Record<string, Gpu>;

export type GpuId = keyof typeof GPUS;
export const GPU_IDS = Object.keys(GPUS) as GpuId[];

export const isGpuId = (id: string): id is GpuId => Object.hasOwn(GPUS, id);
