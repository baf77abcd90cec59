import type { GpuId } from "../../core/catalog/gpus.ts";
import type { GpuTraining } from "../../core/plan/gpu-memory.ts";
import type { Base } from "./bases.ts";
import { COMMON, QWEN_LENGTHS } from "./memory-cases.ts";
import type { SourceId } from "./sources.ts";

/** The published speed of one training. */
export interface ThroughputCase {
  source: SourceId;
  base: Base;
  gpu: GpuId;
  train: GpuTraining;
  /** Of one GPU. */
  tokensPerSecond: number;
}

/** `rates`: tokens a second by rows of 4,096 tokens. */
const fms = (
  base: Base,
  method: GpuTraining["method"],
  loss: GpuTraining["loss"],
  rates: Record<number, number>,
): ThroughputCase[] =>
  Object.entries(rates).map(([rows, tokensPerSecond]) => ({
    source: "fms",
    base,
    gpu: "a100-80gb",
    train: {
      ...COMMON,
      method,
      loss,
      rank: 16,
      targets: "attention",
      dropout: 0.1,
      maxLength: 4096,
      microBatch: Number(rows),
    },
    tokensPerSecond,
  }));

const fmsCases = [
  ...fms("Mistral 7B", "lora", "naive", { 4: 3324.155, 8: 3353.809 }),
  ...fms("Mistral 7B", "qlora", "naive", { 4: 3595.714, 8: 3662.639 }),
  // With PEFT's preparation in fp32.
  ...fms("Mistral 7B", "qlora", "naive", { 4: 2903.78, 8: 2987.456 }),
  ...fms("Mistral 7B", "lora", "liger", { 4: 3905.488, 8: 3942.872, 16: 3951.231 }),
  ...fms("Mistral 7B", "qlora", "liger", { 4: 4077.061, 8: 4169.096, 16: 4212.355, 32: 4240.342 }),
  ...fms("Llama 3 8B", "lora", "liger", { 4: 3843.585, 8: 3878.662, 16: 3891.665 }),
  ...fms("Llama 3 8B", "qlora", "liger", { 4: 4009.154, 8: 4104.994, 16: 4140.204, 32: 4159.964 }),
  ...fms("PowerLM 3B", "lora", "naive", { 4: 5033.196, 8: 5105.963 }),
  ...fms("PowerLM 3B", "qlora", "naive", { 4: 5540.308, 8: 5665.515 }),
  // With PEFT's preparation in fp32.
  ...fms("PowerLM 3B", "qlora", "naive", { 4: 4198.034, 8: 4317.317 }),
  ...fms("Llama 2 70B", "qlora", "naive", { 4: 464.362 }),
];

/** Tokens of all rows divided by their number: 4,198,051 / 20,000. */
const PEFT_ROW_TOKENS = 210;

const peftCases = (
  [
    [32, 7174],
    [64, 7062],
  ] as const
).map(([rank, tokensPerSecond]): ThroughputCase => ({
  source: "peft",
  base: "Llama 3.2 3B",
  gpu: "l40s",
  train: {
    ...COMMON,
    method: "lora",
    rank,
    targets: "query-value",
    maxLength: PEFT_ROW_TOKENS,
    microBatch: 4,
    checkpointing: "none",
  },
  tokensPerSecond,
}));

const torchtuneCases = (
  [
    ["Llama 3 8B", "rtx-4090", "qlora", 8, 2048, 2413],
    ["Llama 3.2 3B", "a100-80gb", "lora", 64, 4096, 8210],
    ["Llama 3.2 3B", "a100-80gb", "qlora", 64, 4096, 8035],
  ] as const
).map(([base, gpu, method, rank, maxLength, tokensPerSecond]): ThroughputCase => ({
  source: "torchtune",
  base,
  gpu,
  train: { ...COMMON, method, rank, maxLength, microBatch: 2, loss: "chunked", adapterBytes: 8 },
  tokensPerSecond,
}));

const llamaFactoryCases = Object.entries({
  1024: 2295,
  2048: 2741,
  4096: 2926,
  8192: 3128,
  16384: 3542,
  32768: 2216,
}).map(([length, tokensPerSecond]): ThroughputCase => ({
  source: "llama-factory",
  base: "Llama 2 7B",
  gpu: "a100-40gb",
  train: { ...COMMON, method: "qlora", rank: 8, maxLength: Number(length) },
  tokensPerSecond,
}));

/** Published as seconds an iteration of 8 accumulated rows. */
const QWEN_ROWS = 8;

const qwenCases = (
  [
    ["Qwen 1.8B", [1.0, 1.0, 1.1, 1.7, 3.3, 6.8]],
    ["Qwen 7B", [1.2, 1.5, 2.8, 5.2, 10.1, 21.3]],
    ["Qwen 14B", [1.6, 2.4, 4.4, 8.4, 17.0, 36.0]],
  ] as const
).flatMap(([base, iterations]) =>
  iterations.map((seconds, index): ThroughputCase => ({
    source: "qwen",
    base,
    gpu: "a100-80gb",
    train: { ...COMMON, method: "lora", rank: 64, dropout: 0.05, maxLength: QWEN_LENGTHS[index]! },
    tokensPerSecond: (QWEN_ROWS * QWEN_LENGTHS[index]!) / seconds,
  })),
);

export const THROUGHPUT_CASES: readonly ThroughputCase[] = [
  ...fmsCases,
  ...peftCases,
  ...torchtuneCases,
  ...llamaFactoryCases,
  ...qwenCases,
];
