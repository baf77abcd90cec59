import fs from "node:fs";
import path from "node:path";
import type { FormerVerdict, RunState } from "../core/plan/outlook.ts";
import { modelFamily } from "../core/catalog/family.ts";
import type { GpuId } from "../core/catalog/gpus.ts";
import type { Accuracy, Outcome, Prediction } from "../core/plan/calibration.ts";
import { gpuMeasurement, type GpuMeasurement } from "../core/plan/gpu-calibration.ts";
import type { Speed } from "../core/plan/time.ts";
import type { RunFile } from "../core/spec/run-file.ts";
import { readJson } from "./json-files.ts";

/** Whether a run is finished, begun, or not there. */
export function runState(workspace: string, runId: string): RunState {
  const folder = path.join(workspace, "runs", runId);
  if (fs.existsSync(path.join(folder, "training.json"))) return "reused";
  return fs.existsSync(path.join(folder, "checkpoints")) ? "resumes" : "new";
}

/** Run id that serves under a name today. */
export function currentRun(workspace: string, name: string): string | null {
  return readJson<{ runId: string }>(path.join(workspace, "registry", name, "current.json"))?.runId ?? null;
}

/** What the gate said of a run, if it has judged it. */
export function verdictOf(workspace: string, runId: string): FormerVerdict | null {
  return readJson<FormerVerdict>(path.join(workspace, "runs", runId, "verdict.json")) ?? null;
}

/** An outcome as a file has it: earlier versions kept no seconds. */
type Kept = Omit<Outcome, "seconds"> & Partial<Pick<Outcome, "seconds">>;

/** What was planned of a finished training and what was measured; null where either is not known. */
export function accuracyOf(workspace: string, runId: string): Accuracy | null {
  const folder = path.join(workspace, "runs", runId);
  const planned = readJson<Kept>(path.join(folder, "prediction.json"));
  const measured = readJson<Kept>(path.join(folder, "training.json"));
  if (planned === undefined || measured === undefined) return null;
  const outcome = ({ peakBytes, tokensPerSecond, seconds }: Kept): Outcome => ({
    peakBytes,
    tokensPerSecond,
    seconds: seconds ?? null,
  });
  return { planned: outcome(planned), measured: outcome(measured) };
}

/** A finished training on this machine. */
export interface LastTraining {
  speed: Speed;
  accuracy: Accuracy | null;
}

/** What the finished trainings of a workspace say of the next ones. */
export interface Trainings {
  /** The newest on this machine of the same base, or else of its family. */
  lastOf: (baseId: string) => LastTraining | null;
  /** The newest on a GPU of the base's family. */
  measuredOn: (baseId: string, gpu: GpuId) => GpuMeasurement | null;
}

interface Finished {
  at: number;
  baseId: string;
  train: RunFile["train"] | null;
  tokensPerSecond: number;
  accuracy: Accuracy | null;
  prediction: Partial<Prediction>;
}

/** Reads each finished run once. */
export function finishedTrainings(workspace: string): Trainings {
  const runs = path.join(workspace, "runs");
  const finished = (fs.existsSync(runs) ? fs.readdirSync(runs) : [])
    .flatMap((id) => finishedRun(workspace, id))
    .sort((a, b) => b.at - a.at);
  const isHere = ({ prediction }: Finished) => (prediction.on ?? null) === null;
  const here = finished.filter(isHere);
  return {
    lastOf(baseId) {
      const sameBase = here.find((run) => run.baseId === baseId);
      const family = modelFamily(baseId);
      const last = sameBase ?? here.find((run) => isSibling(run, family));
      if (last === undefined) return null;
      const { tokensPerSecond, train, accuracy, prediction } = last;
      const { architecture } = prediction;
      const other = sameBase === undefined && architecture !== undefined ? { architecture } : {};
      return { speed: { source: "last run", tokensPerSecond, train, ...other }, accuracy };
    },
    measuredOn(baseId, gpu) {
      const family = modelFamily(baseId);
      const last = finished.find(
        (run) => run.prediction.on?.gpu === gpu && modelFamily(run.baseId) === family,
      );
      const { architecture, on } = last?.prediction ?? {};
      if (!last?.accuracy || !architecture || !on) return null;
      return gpuMeasurement(architecture, on, last.accuracy.planned, last.accuracy.measured);
    },
  };
}

/** Another size says something only where its settings and architecture are known. */
const isSibling = ({ baseId, train, prediction }: Finished, family: string): boolean =>
  train !== null && prediction.architecture !== undefined && modelFamily(baseId) === family;

function finishedRun(workspace: string, id: string): Finished[] {
  const folder = path.join(workspace, "runs", id);
  const file = path.join(folder, "training.json");
  const training = readJson<Outcome>(file);
  const run = readJson<Pick<RunFile, "base" | "train">>(path.join(folder, "run.json"));
  if (training === undefined || run === undefined || !(training.tokensPerSecond > 0)) return [];
  const prediction = readJson<Partial<Prediction>>(path.join(folder, "prediction.json")) ?? {};
  return [
    {
      at: fs.statSync(file).mtimeMs,
      baseId: run.base.id,
      train: run.train ?? null,
      tokensPerSecond: training.tokensPerSecond,
      accuracy: accuracyOf(workspace, id),
      prediction,
    },
  ];
}
