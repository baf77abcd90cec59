import fs from "node:fs";
import path from "node:path";
import type { Prediction } from "../../core/plan/calibration.ts";
import type { RunFile } from "../../core/spec/run-file.ts";
import { ensureTrainer } from "../../setup/python.ts";
import { readJson, writeJson } from "../../loading/json-files.ts";
import type { Lifecycle } from "./provider.ts";
import { runStages, StageFailure } from "./stage.ts";

export interface RunInputs {
  run: RunFile;
  /** Over the evaluate and gate settings: a change re-evaluates and never retrains. */
  evaluationDigest: string;
  /** What the plan expects; kept beside what is measured. */
  prediction: Prediction | null;
  /** Absolute path. */
  workspace: string;
  /** Trainings at the same time in this workspace. */
  parallelism: number;
  /** See lease.ts. */
  lease: string;
}

export interface RunOutputs {
  name: string;
  runId: string;
  evaluationDigest: string;
  workspace: string;
  modelId: string;
  /** Absolute path of the adapter folder. */
  adapter: string;
  verdict: string;
  score: { base: number; tuned: number; incumbent: number | null };
  /** Absolute path. */
  report: string;
}

interface Verdict {
  decision: "promoted" | "rejected" | "undecidable";
  reason: string;
  score: RunOutputs["score"];
}

const folderOf = (workspace: string, runId: string) => path.join(workspace, "runs", runId);

/** Run the stages, each idempotent; returns what a promoted run hands on. Throws on any other verdict. */
async function finishRun(inputs: RunInputs): Promise<RunOutputs> {
  const { run, workspace } = inputs;
  const folder = folderOf(workspace, run.runId);
  const runFile = path.join(folder, "run.json");
  const { trainer, uv } = await ensureTrainer(projectRoot(), (line) => console.log(`${run.name} ${line}`));
  writeJson(runFile, run);
  // Of a finished training it stays what was planned before it.
  if (inputs.prediction !== null && !fs.existsSync(path.join(folder, "training.json")))
    writeJson(path.join(folder, "prediction.json"), inputs.prediction);
  const env = {
    TUNEFORM_PARALLELISM: String(inputs.parallelism),
    ...(uv === undefined ? {} : { TUNEFORM_UV: uv }),
  };
  await runStages({ trainer, runFile, workspace, name: run.name, lease: inputs.lease, env });
  const verdict = readJson<Verdict>(path.join(folder, "verdict.json"));
  if (verdict === undefined) throw new StageFailure(run.name, 1, `${folder}/verdict.json is missing`);
  return {
    name: run.name,
    runId: run.runId,
    evaluationDigest: inputs.evaluationDigest,
    workspace,
    modelId: `${run.name}-${run.runId}`,
    adapter: path.join(folder, "adapter"),
    verdict: verdict.decision,
    score: verdict.score,
    report: path.join(folder, "report.html"),
  };
}

function projectRoot(): string {
  return path.resolve(import.meta.dirname, "..", "..");
}

/** What `publish` says serves under this name today. */
const currentFile = (workspace: string, name: string) =>
  path.join(workspace, "registry", name, "current.json");

export const lifecycle: Lifecycle<RunInputs, RunOutputs> = {
  async diff(old, inputs) {
    const current = readJson<{ runId: string }>(currentFile(inputs.workspace, inputs.run.name));
    return Promise.resolve(
      old.runId !== inputs.run.runId ||
        old.evaluationDigest !== inputs.evaluationDigest ||
        old.workspace !== inputs.workspace ||
        current?.runId !== inputs.run.runId ||
        !fs.existsSync(path.join(old.adapter, "adapter_model.safetensors")),
    );
  },
  async create(inputs) {
    return { id: inputs.run.name, outputs: await finishRun(inputs) };
  },
  async update(_old, inputs) {
    return finishRun(inputs);
  },
  async delete(old) {
    // Datasets, runs and versions stay: only "serves today" ends. `npm run destroy -- --artefacts` takes all.
    fs.rmSync(currentFile(old.workspace, old.name), { force: true });
    return Promise.resolve();
  },
};
