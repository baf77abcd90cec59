import fs from "node:fs";
import path from "node:path";
import type { FormerVerdict, RunState } from "../core/plan/outlook.ts";
import type { Prediction } from "../core/plan/calibration.ts";
import { trainingsOf, type Finished, type Trainings } from "../core/plan/trainings.ts";
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

/** The finished trainings of a workspace; each is read once. */
export function finishedTrainings(workspace: string): Trainings {
  const runs = path.join(workspace, "runs");
  const ids = fs.existsSync(runs) ? fs.readdirSync(runs) : [];
  return trainingsOf(ids.flatMap((runId) => finishedRun(path.join(runs, runId), runId)));
}

function finishedRun(folder: string, runId: string): Finished[] {
  const file = path.join(folder, "training.json");
  const measured = readJson<Finished["measured"]>(file);
  const run = readJson<Pick<RunFile, "base" | "train">>(path.join(folder, "run.json"));
  if (measured === undefined || run === undefined) return [];
  return [
    {
      runId,
      at: fs.statSync(file).mtimeMs,
      baseId: run.base.id,
      train: run.train ?? null,
      measured,
      prediction: readJson<Partial<Prediction>>(path.join(folder, "prediction.json")) ?? {},
    },
  ];
}
