/**
 * Predicted against measured peak memory and speed of the local trainer, on 12 configurations of
 * SmolLM2-135M: `npx tsx bench/local-training.ts [--json FILE]`. Takes about ten minutes on two cores; let
 * nothing else run. The first configuration is the named baseline of the speed ratios.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { execa } from "execa";
import { trainingMemory } from "../core/plan/memory.ts";
import { flopsPerToken } from "../core/plan/time.ts";
import { BASE_MODELS } from "../core/catalog/base-models.ts";
import type { RunFile } from "../core/spec/run-file.ts";
import { parseStackConfig } from "../core/spec/stack.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";

const root = path.resolve(import.meta.dirname, "..");
const architecture = BASE_MODELS["smollm2-135m"].architecture;

type Change = Partial<
  Pick<
    RunFile["train"],
    "method" | "rank" | "targets" | "maxLength" | "microBatch" | "lastLayers" | "gradientCheckpointing"
  >
>;
/** What is changed against the first. */
const CONFIGURATIONS: Change[] = [
  {},
  { rank: 4 },
  { rank: 64 },
  { targets: "attention" },
  { microBatch: 1 },
  { microBatch: 8 },
  { maxLength: 64 },
  { maxLength: 256 },
  { maxLength: 512, microBatch: 2 },
  { lastLayers: 10 },
  { gradientCheckpointing: true, microBatch: 8 },
  { method: "qlora" },
];
const BASELINE = {
  method: "lora",
  rank: 16,
  targets: "all-linear",
  maxLength: 128,
  microBatch: 4,
  lastLayers: null,
  gradientCheckpointing: false,
} as const;

interface Measured {
  name: string;
  predictedBytes: number;
  measuredBytes: number;
  flopsPerSecond: number;
  tokensPerSecond: number;
}

/** Long rows made of real mails, so that every row fills maxLength. */
function writeRows(file: string): void {
  const mails = fs
    .readFileSync(path.join(root, "examples/mail/data/spam-triage.jsonl"), "utf8")
    .trim()
    .split("\n");
  const rows = Array.from({ length: 120 }, (_, row) => {
    const texts = mails
      .slice(row * 8, row * 8 + 24)
      .map((line) => (JSON.parse(line) as { text: string }).text);
    return JSON.stringify({
      id: String(row),
      text: texts.join("\n").slice(0, 3000),
      label: row % 2 ? "spam" : "ham",
    });
  });
  fs.writeFileSync(file, `${rows.join("\n")}\n`);
}

const modelFile = (maxLength: number): string => `name: bench
task: classification
base: smollm2-135m
data:
  source: { file: rows.jsonl }
  fields: { id: id, question: text, answer: label }
  labels: [spam, ham]
  split: { validation: 0, test: 0.4 }
  thresholds: { minTrainRows: 10, minTestRows: 10 }
train: { epochs: 0.5, effectiveBatch: 8, maxLength: ${maxLength} }
`;

async function measure(folder: string, change: Change, index: number): Promise<Measured> {
  const settings = { ...BASELINE, ...change };
  const file = path.join(folder, "models", "bench.yaml");
  fs.writeFileSync(file, modelFile(settings.maxLength));
  const config = parseStackConfig({ workspace: path.join(folder, "workspace") }, "bench");
  const plan = await loadStackPlan({ root: folder, config, stack: "bench", files: ["models/bench.yaml"] });
  const [fineTune] = plan.fineTunes;
  if (fineTune === undefined) throw new Error("no plan");
  const train = { ...fineTune.run.train, ...settings, gradientAccumulation: 8 / settings.microBatch };
  const runId = `bench${String(index).padStart(2, "0")}`;
  const run: RunFile = { ...fineTune.run, runId, train };
  const runFolder = path.join(plan.workspace, "runs", runId);
  fs.mkdirSync(runFolder, { recursive: true });
  const runFile = path.join(runFolder, "run.json");
  fs.writeFileSync(runFile, JSON.stringify(run));
  const trainer = path.join(root, "trainer-image/.venv/bin/tuneform-trainer");
  for (const stage of ["prepare", "train"])
    await execa(trainer, [stage, "--run", runFile, "--workspace", plan.workspace], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  const training = JSON.parse(fs.readFileSync(path.join(runFolder, "training.json"), "utf8")) as {
    peakBytes: number;
    tokensPerSecond: number;
  };
  return {
    name:
      Object.entries(change)
        .map(([key, value]) => `${key} ${String(value)}`)
        .join(", ") || "baseline",
    predictedBytes: trainingMemory(architecture, train, 2000, 3).peakBytes,
    measuredBytes: training.peakBytes,
    tokensPerSecond: training.tokensPerSecond,
    flopsPerSecond: training.tokensPerSecond * flopsPerToken(architecture, train, settings.maxLength),
  };
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const percent = (share: number): string => `${share >= 0 ? "+" : ""}${(share * 100).toFixed(1)} %`;

const { values } = parseArgs({ options: { json: { type: "string" } } });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-bench-"));
fs.mkdirSync(path.join(folder, "models"));
writeRows(path.join(folder, "models", "rows.jsonl"));
const results: Measured[] = [];
for (const [index, change] of CONFIGURATIONS.entries()) {
  const result = await measure(folder, change, index);
  results.push(result);
  console.error(
    `${result.name}: ${(result.measuredBytes / 1e9).toFixed(2)} GB, ${result.tokensPerSecond} tokens/s`,
  );
}
if (values.json !== undefined) fs.writeFileSync(values.json, JSON.stringify(results, null, 1));
const rate = results[0]?.flopsPerSecond ?? NaN; // as a plan is calibrated by the last run
const table = new Table({
  head: ["configuration", "predicted", "measured", "error", "tokens/s", "speed error", "of baseline"],
  style: { head: [], border: [] },
});
const memoryErrors: number[] = [];
const speedErrors: number[] = [];
for (const result of results) {
  const memoryError = result.predictedBytes / result.measuredBytes - 1;
  const speedError = rate / result.flopsPerSecond - 1;
  memoryErrors.push(Math.abs(memoryError));
  speedErrors.push(Math.abs(speedError));
  table.push([
    result.name,
    `${(result.predictedBytes / 1e9).toFixed(2)} GB`,
    `${(result.measuredBytes / 1e9).toFixed(2)} GB`,
    percent(memoryError),
    String(result.tokensPerSecond),
    percent(speedError),
    (result.tokensPerSecond / (results[0]?.tokensPerSecond ?? NaN)).toFixed(2),
  ]);
}
console.log(table.toString());
console.log(
  `memory: median error ${percent(median(memoryErrors))}; speed, calibrated by the baseline: ${percent(median(speedErrors))}`,
);
fs.rmSync(folder, { recursive: true });
