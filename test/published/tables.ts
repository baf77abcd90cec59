import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { gpuMemory, type GpuTraining } from "../../core/plan/gpu-memory.ts";
import { COMMON, MEMORY_CASES, type MemoryCase } from "./memory-cases.ts";
import { medianOf, memoryError, predictedBytes, predictedRates, worstOf } from "./predictions.ts";
import { SOURCES, type Source, type SourceId } from "./sources.ts";
import { THROUGHPUT_CASES } from "./throughput-cases.ts";

/** The tables of docs/planner.md, by the name that its markers give them. */
export const TABLES: Record<string, () => string> = {
  sources: sourceTable,
  "memory-summary": memorySummary,
  memory: memoryTable,
  throughput: throughputTable,
  "rules-of-thumb": rulesOfThumb,
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
const percent = (share: number): string => `${share < 0 ? "-" : "+"}${Math.abs(share * 100).toFixed(1)} %`;
const count = (tokens: number): string => Math.round(tokens).toLocaleString("en");

function sourceTable(): string {
  const rows = Object.entries<Source>(SOURCES).map(([id, { title, where, version, settings }]) => [
    `\`${id}\``,
    `${title}: ${where}`,
    version,
    settings,
  ]);
  return table(["source", "where", "version", "settings of all its cases"], rows);
}

function memorySummary(): string {
  const ids = Object.keys(SOURCES) as SourceId[];
  const line = (name: string, cases: readonly MemoryCase[]): string[] => {
    const errors = cases.map(memoryError);
    return [
      name,
      String(cases.length),
      ...[medianOf(errors), worstOf(errors)].map((share) => `${(share * 100).toFixed(1)} %`),
    ];
  };
  const rows = ids.map((id) =>
    line(
      `\`${id}\``,
      MEMORY_CASES.filter(({ source }) => source === id),
    ),
  );
  return table(["source", "cases", "median error", "worst error"], [...rows, line("all", MEMORY_CASES)]);
}

/** What of the settings differs between cases of a source. */
function settingsOf({
  targets,
  loss,
  dropout,
  doubleQuant,
  adapterBytes,
  method,
  software,
}: GpuTraining): string {
  const flags = Object.keys(software ?? {});
  return [
    targets,
    loss,
    ...(dropout > 0 ? [`dropout ${dropout}`] : []),
    ...(method === "qlora" && !doubleQuant ? ["single quantisation"] : []),
    `${adapterBytes} B`,
    ...flags,
  ].join(", ");
}

function memoryTable(): string {
  const rows = MEMORY_CASES.map((published) => {
    const { source, base, gpu, train, figure, bytes } = published;
    return [
      `\`${source}\``,
      base,
      gpu,
      `${train.method} r${train.rank}`,
      `${train.microBatch} × ${count(train.maxLength)}`,
      train.checkpointing,
      settingsOf(train),
      figure,
      gigabytes(bytes),
      gigabytes(predictedBytes(published)),
      percent(memoryError(published)),
    ];
  });
  const head = [
    "source",
    "base",
    "GPU",
    "method",
    "rows × tokens",
    "checkpointing",
    "targets, loss, adapter, software",
  ];
  return table([...head, "figure", "published GB", "planner GB", "error"], rows);
}

function throughputTable(): string {
  const rows = THROUGHPUT_CASES.map((published) => {
    const { source, base, gpu, train, tokensPerSecond } = published;
    const { low, expected, high } = predictedRates(published);
    return [
      `\`${source}\``,
      base,
      gpu,
      `${train.method} r${train.rank}`,
      `${train.microBatch} × ${count(train.maxLength)}`,
      train.checkpointing,
      count(tokensPerSecond),
      count(low),
      count(expected),
      count(high),
    ];
  });
  const head = ["source", "base", "GPU", "method", "rows × tokens", "checkpointing"];
  return table([...head, "published tokens/s", "low", "expected", "high"], rows);
}

/** QLoRA memory that is commonly told of these models, in GB, without settings. */
const TOLD = {
  "phi-3-mini": 8,
  "mistral-7b-v0.3": 12,
  "llama-3.1-8b": 12,
  "gemma-2-9b": 14,
  "qwen-2.5-7b": 12,
  "stablelm-2-1.6b": 4,
} as const;

function rulesOfThumb(): string {
  const process = (base: keyof typeof TOLD, train: Partial<GpuTraining>): string => {
    const whole: GpuTraining = { ...COMMON, method: "qlora", rank: 16, maxLength: 2048, ...train };
    return gigabytes(gpuMemory(BASE_MODELS[base].architecture, whole).processBytes);
  };
  const rows = (Object.keys(TOLD) as (keyof typeof TOLD)[]).map((base) => [
    `\`${base}\``,
    `~${TOLD[base]}`,
    process(base, { loss: "liger" }),
    process(base, {}),
    process(base, { headShare: 0.1 }),
    process(base, { rank: 64, dropout: 0.05, microBatch: 4, software: { fp32Kept: true } }),
  ]);
  const head = [
    "base",
    "told",
    "1 row, Liger",
    "1 row, naive loss",
    "1 row, naive at a tenth of positions",
    "4 rows, rank 64, dropout, naive, fp32 preparation",
  ];
  return table(head, rows);
}

const marked = (name: string): RegExp => new RegExp(`(<!-- begin ${name} -->\\n)[^]*?(<!-- end ${name} -->)`);

/** The document with every table as the planner computes it now. Throws where a table has no place in it. */
export function withTables(document: string): string {
  return Object.entries(TABLES).reduce((text, [name, render]) => {
    if (!marked(name).test(text)) throw new Error(`no place for the table ${name}`);
    return text.replace(marked(name), (_, begin: string, end: string) => `${begin}\n${render()}\n\n${end}`);
  }, document);
}
