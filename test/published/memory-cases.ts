import type { GpuTraining, Software } from "../../core/plan/gpu-memory.ts";
import type { Base } from "./bases.ts";
import type { SourceId } from "./sources.ts";

/** Which of the planner's figures a published one is of. */
export type Figure = "allocated" | "reserved" | "process";

/** The published peak of one training. */
export interface MemoryCase {
  source: SourceId;
  base: Base;
  gpu: string;
  train: GpuTraining;
  figure: Figure;
  bytes: number;
}

const GIB = 2 ** 30;
const GB = 1e9;

/** What all have in common unless a source says otherwise. */
export const COMMON = {
  doubleQuant: true,
  targets: "all-linear",
  lastLayers: null,
  dropout: 0,
  microBatch: 1,
  checkpointing: "full",
  loss: "naive",
  headShare: 1,
  adapterBytes: 16,
} as const satisfies Partial<GpuTraining>;

/** `batches`: rows, and the bytes allocated. */
function fms(
  base: Base,
  how: Pick<GpuTraining, "method" | "loss" | "adapterBytes">,
  software: Software,
  batches: Record<number, number>,
): MemoryCase[] {
  return Object.entries(batches).map(([rows, bytes]) => ({
    source: "fms",
    base,
    gpu: "A100 80 GB",
    train: {
      ...COMMON,
      ...how,
      rank: 16,
      targets: "attention",
      dropout: 0.1,
      maxLength: 4096,
      microBatch: Number(rows),
      software,
    },
    figure: "allocated",
    bytes,
  }));
}

const FMS_LORA = { method: "lora", loss: "naive", adapterBytes: 8 } as const;
const FMS_QLORA = { method: "qlora", loss: "naive", adapterBytes: 16 } as const;
const FMS_QLORA_LIGER = { method: "qlora", loss: "liger", adapterBytes: 16 } as const;
const FMS_LORA_LIGER = { method: "lora", loss: "liger", adapterBytes: 16 } as const;

const PREPARED = { fp32Kept: true } as const;

const fmsCases = [
  ...fms("Mistral 7B", FMS_LORA, {}, { 4: 26704571904, 8: 38742912512 }),
  ...fms("Mistral 7B", FMS_QLORA, {}, { 4: 16373838336, 8: 28412178944 }),
  ...fms("Mistral 7B", FMS_QLORA, PREPARED, { 4: 20669338112, 8: 37002646016 }),
  ...fms("Mistral 7B", FMS_LORA_LIGER, {}, { 4: 23530188288, 8: 32393276928, 16: 50119454208 }),
  ...fms(
    "Mistral 7B",
    FMS_QLORA_LIGER,
    {},
    { 4: 13035024896, 8: 21761798656, 16: 39215346176, 32: 74122441216 },
  ),
  ...fms("Llama 3 8B", FMS_LORA_LIGER, {}, { 4: 24905936896, 8: 33567698944, 16: 50891223040 }),
  ...fms(
    "Llama 3 8B",
    FMS_QLORA_LIGER,
    {},
    { 4: 14411297792, 8: 22936744960, 16: 39987639296, 32: 74089427968 },
  ),
  ...fms("PowerLM 3B", FMS_LORA, {}, { 4: 20169870848, 8: 33152880128 }),
  ...fms("PowerLM 3B", FMS_QLORA, {}, { 4: 15151677952, 8: 28134687232 }),
  ...fms("PowerLM 3B", FMS_QLORA, PREPARED, { 4: 18174161920, 8: 34177070080 }),
  ...fms("Llama 2 70B", FMS_QLORA, {}, { 4: 68126381056 }),
];

/** The longest batch: four rows of 768 tokens. */
const peftCases = [
  { rank: 32, bytes: 22292725760 },
  { rank: 64, bytes: 22552772608 },
  // With rsLoRA, which changes a factor only.
  { rank: 64, bytes: 22561161216 },
].map(({ rank, bytes }): MemoryCase => ({
  source: "peft",
  base: "Llama 3.2 3B",
  gpu: "L40S",
  train: {
    ...COMMON,
    method: "lora",
    rank,
    targets: "query-value",
    maxLength: 768,
    microBatch: 4,
    checkpointing: "none",
    software: { fp32AdapterInputs: true },
  },
  figure: "reserved",
  bytes,
}));

const torchtuneCases = (
  [
    ["Llama 3 8B", "RTX 4090", "lora", 8, 2048, {}, 16.2],
    ["Llama 3 8B", "RTX 4090", "qlora", 8, 2048, {}, 7.4],
    ["Llama 3.2 3B", "A100", "lora", 64, 4096, { offloadedCheckpoints: true }, 8.5],
    ["Llama 3.2 3B", "A100", "qlora", 64, 4096, { offloadedCheckpoints: true }, 4.6],
  ] as const
).map(([base, gpu, method, rank, maxLength, software, gib]): MemoryCase => ({
  source: "torchtune",
  base,
  gpu,
  train: { ...COMMON, method, rank, maxLength, microBatch: 2, loss: "chunked", adapterBytes: 8, software },
  figure: "allocated",
  bytes: gib * GIB,
}));

/** `quantisation` as litgpt names it. */
function litgpt(
  source: "litgpt-tables" | "litgpt-hub",
  base: Base,
  quantisation: "none" | "nf4" | "nf4-dq",
  microBatch: number,
  gb: number,
): MemoryCase {
  const isHub = source === "litgpt-hub";
  return {
    source,
    base,
    gpu: isHub ? "A10G" : "A100 40 GB",
    train: {
      ...COMMON,
      method: quantisation === "none" ? "lora" : "qlora",
      doubleQuant: quantisation === "nf4-dq",
      rank: isHub ? 32 : 8,
      targets: "query-value",
      dropout: 0.05,
      maxLength: isHub ? 512 : 1304,
      microBatch,
      checkpointing: "none",
      loss: "chunked",
      adapterBytes: 8,
      software: { bufferedInputs: true, fp32Logits: true },
    },
    figure: "allocated",
    bytes: gb * GB,
  };
}

const litgptCases = [
  litgpt("litgpt-tables", "Llama 2 7B", "none", 1, 21.3),
  litgpt("litgpt-tables", "Llama 2 7B", "nf4", 1, 14.14),
  litgpt("litgpt-tables", "Llama 2 7B", "nf4-dq", 1, 13.84),
  litgpt("litgpt-tables", "Llama 2 7B", "none", 2, 29.07),
  litgpt("litgpt-tables", "Llama 2 13B", "none", 1, 38.12),
  litgpt("litgpt-tables", "Llama 2 13B", "nf4", 1, 23.14),
  litgpt("litgpt-tables", "Llama 2 13B", "nf4-dq", 1, 22.55),
  litgpt("litgpt-hub", "Llama 2 7B", "none", 2, 19.77),
  litgpt("litgpt-hub", "Llama 2 7B", "nf4", 2, 13.68),
  // The table's Llama 3.1 8B rows have the same two figures.
  litgpt("litgpt-hub", "Llama 3 8B", "none", 1, 19.73),
  litgpt("litgpt-hub", "Llama 3 8B", "nf4", 2, 17.41),
  // The table's Mistral v0.1 and v0.2 rows have the same two figures.
  litgpt("litgpt-hub", "Mistral 7B", "none", 2, 20.66),
  litgpt("litgpt-hub", "Mistral 7B", "nf4", 2, 14.29),
  litgpt("litgpt-hub", "Llama 3.2 1B, head apart", "none", 1, 4.49),
  litgpt("litgpt-hub", "Llama 3.2 1B, head apart", "nf4", 2, 5.53),
  litgpt("litgpt-hub", "Llama 3.2 3B, head apart", "none", 1, 9.67),
  litgpt("litgpt-hub", "Llama 3.2 3B, head apart", "nf4", 2, 10.3),
];

const llamaFactoryCases = Object.entries({ 1024: 6, 2048: 7, 4096: 9, 8192: 12, 16384: 19, 32768: 32 }).map(
  ([length, gb]): MemoryCase => ({
    source: "llama-factory",
    base: "Llama 2 7B",
    gpu: "A100 40 GB",
    train: {
      ...COMMON,
      method: "qlora",
      rank: 8,
      maxLength: Number(length),
      software: { bufferedInputs: true },
    },
    figure: "process",
    bytes: gb * GB,
  }),
);

export const QWEN_LENGTHS = [256, 512, 1024, 2048, 4096, 8192] as const;

const qwenCases = (
  [
    ["Qwen 1.8B", [6.7, 7.4, 8.4, 11.0, 16.2, 21.8]],
    ["Qwen 7B", [20.1, 20.4, 21.5, 23.8, 29.7, 36.6]],
    ["Qwen 14B", [34.6, 35.1, 35.3, 37.4, 42.5, 55.2]],
  ] as const
).flatMap(([base, figures]) =>
  figures.map((gb, index): MemoryCase => ({
    source: "qwen",
    base,
    gpu: "A100 80 GB",
    train: { ...COMMON, method: "lora", rank: 64, dropout: 0.05, maxLength: QWEN_LENGTHS[index]! },
    figure: "process",
    bytes: gb * GB,
  })),
);

const unslothCases = Object.entries({ 932: 12, 2551: 16, 5789: 24, 12264: 40, 15502: 48, 28454: 80 }).map(
  ([length, gb]): MemoryCase => ({
    source: "unsloth",
    base: "Llama 3 8B",
    gpu: `${gb} GB`,
    train: { ...COMMON, method: "qlora", rank: 32, maxLength: Number(length), software: { fp32Kept: true } },
    figure: "process",
    bytes: gb * GB,
  }),
);

const axolotlCases = (
  [
    ["Ministral 8B", 0.05, 10, 8.76 * GIB],
    ["Qwen 3 4B", 0.05, 10, 5.1 * GIB],
    ["Mistral Small 24B", 0, 16, 21 * GB],
    ["Mistral Small 24B", 0.05, 10, 24 * GB],
    ["Mistral Small 24B", 0.05, 10, 19.1 * GIB],
    ["Seed-OSS 36B", 0.05, 10, 27.7 * GIB],
  ] as const
).map(([base, dropout, adapterBytes, bytes]): MemoryCase => ({
  source: "axolotl",
  base,
  gpu: "not named",
  train: {
    ...COMMON,
    method: "qlora",
    rank: 32,
    dropout,
    maxLength: 2048,
    microBatch: 2,
    loss: "liger",
    adapterBytes,
  },
  figure: "reserved",
  bytes,
}));

export const MEMORY_CASES: readonly MemoryCase[] = [
  ...fmsCases,
  ...peftCases,
  ...torchtuneCases,
  ...litgptCases,
  ...llamaFactoryCases,
  ...qwenCases,
  ...unslothCases,
  ...axolotlCases,
];

/**
 * Allocated bytes and what nvidia-smi counted (MiB), of the same runs: IBM's benchmark prints both.
 * They are what fragmentation and context were fitted to.
 */
export const PROCESS_PAIRS: readonly { allocated: number; processMib: number }[] = [
  { allocated: 26704571904, processMib: 29576 },
  { allocated: 38742912512, processMib: 43232 },
  { allocated: 16373838336, processMib: 19912 },
  { allocated: 28412178944, processMib: 34016 },
  { allocated: 23530188288, processMib: 23833 },
  { allocated: 32393276928, processMib: 32921 },
  { allocated: 50119454208, processMib: 51099 },
  { allocated: 13035024896, processMib: 14171 },
  { allocated: 21761798656, processMib: 23323 },
  { allocated: 39215346176, processMib: 41883 },
  { allocated: 74122441216, processMib: 79005 },
  { allocated: 24905936896, processMib: 25465 },
  { allocated: 33567698944, processMib: 34681 },
  { allocated: 50891223040, processMib: 53115 },
  { allocated: 14411297792, processMib: 15527 },
  { allocated: 22936744960, processMib: 24359 },
  { allocated: 39987639296, processMib: 42409 },
  { allocated: 74089427968, processMib: 78505 },
  { allocated: 20169870848, processMib: 24591 },
  { allocated: 33152880128, processMib: 41237 },
  { allocated: 15151677952, processMib: 19379 },
  { allocated: 28134687232, processMib: 35837 },
  { allocated: 68126381056, processMib: 72950 },
];
