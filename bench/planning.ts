/**
 * Seconds to plan 30, 100 and 300 model files on one core: `taskset -c 1 npx tsx bench/planning.ts`. The named
 * baseline is 30 files; a ratio of 10 for 300 is linear growth. CPU seconds are of the process and do not
 * count what else the core does.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import Table from "cli-table3";
import { parseStackConfig } from "../core/spec/stack.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";

const ROWS = 1000;
const bases = ["smollm2-135m", "phi-3-mini", "mistral-7b-v0.3", "llama-3.1-8b", "gemma-2-9b", "qwen-2.5-7b"];

const modelFile = (index: number): string => `name: model-${index}
task: classification
base: ${bases[index % bases.length]}
data:
  source: { file: rows.jsonl }
  fields: { id: id, question: text, answer: label }
  labels: [yes, no]
train: { rank: ${8 + (index % 5) * 8} }
`;

async function planned(count: number): Promise<{ seconds: number; cpuSeconds: number }> {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-bench-"));
  fs.mkdirSync(path.join(root, "models"));
  const rows = Array.from({ length: ROWS }, (_, id) =>
    JSON.stringify({ id: String(id), text: `question ${id} `.repeat(20), label: id % 2 ? "yes" : "no" }),
  );
  fs.writeFileSync(path.join(root, "models/rows.jsonl"), rows.join("\n"));
  for (let index = 0; index < count; index += 1)
    fs.writeFileSync(path.join(root, `models/${index}.yaml`), modelFile(index));
  const config = parseStackConfig({ weights: "hub" }, "Pulumi.bench.yaml");
  // Not this machine's: a large base would not fit and the plan would be refused.
  const machine = { memoryBytes: 1e12, freeDiskBytes: 1e15, flopsPerSecond: () => 1e12 };
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  const plan = await loadStackPlan({ root, config, stack: "bench", machine });
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  if (plan.fineTunes.length !== count) throw new Error("not all files were planned");
  fs.rmSync(root, { recursive: true });
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

await planned(10); // compiles what is measured
const table = new Table({
  head: ["model files", "seconds", "CPU seconds", "of baseline"],
  style: { head: [], border: [] },
});
const baseline = await planned(30);
table.push(["30 (baseline)", baseline.seconds.toFixed(3), baseline.cpuSeconds.toFixed(3), "1.0"]);
for (const count of [100, 300]) {
  const { seconds, cpuSeconds } = await planned(count);
  const ratio = (cpuSeconds / baseline.cpuSeconds).toFixed(1);
  table.push([String(count), seconds.toFixed(3), cpuSeconds.toFixed(3), ratio]);
}
console.log(table.toString());
