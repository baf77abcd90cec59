import fs from "node:fs";
import path from "node:path";
import type { FormerVerdict } from "../core/plan/plan.ts";
import type { Accuracy, Outcome } from "../core/plan/calibration.ts";
import type { Speed } from "../core/plan/time.ts";
import type { RunFile } from "../core/spec/run-file.ts";
import { readJson } from "./json-files.ts";

/** Whether a run is finished, begun, or not there. */
export function runState(workspace: string, runId: string): "new" | "resumes" | "reused" {
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

/** What was planned of a finished training and what was measured; null where either is not known. */
export function accuracyOf(workspace: string, runId: string): Accuracy | null {
  const folder = path.join(workspace, "runs", runId);
  const planned = readJson<Outcome>(path.join(folder, "prediction.json"));
  const measured = readJson<Outcome>(path.join(folder, "training.json"));
  if (planned === undefined || measured === undefined) return null;
  const outcome = ({ peakBytes, tokensPerSecond }: Outcome) => ({ peakBytes, tokensPerSecond });
  return { planned: outcome(planned), measured: outcome(measured) };
}

/** The newest finished training of a base. */
export interface LastTraining {
  speed: Speed;
  accuracy: Accuracy | null;
}

/** By base id. */
export function lastTrainings(workspace: string): Map<string, LastTraining> {
  const runs = path.join(workspace, "runs");
  const finished = (fs.existsSync(runs) ? fs.readdirSync(runs) : []).flatMap((id) => {
    const file = path.join(runs, id, "training.json");
    const training = readJson<Outcome>(file);
    const run = readJson<Pick<RunFile, "base" | "train">>(path.join(runs, id, "run.json"));
    if (training === undefined || run === undefined || !(training.tokensPerSecond > 0)) return [];
    return [{ id, run, at: fs.statSync(file).mtimeMs, tokensPerSecond: training.tokensPerSecond }];
  });
  return new Map(
    finished
      .sort((a, b) => a.at - b.at)
      .map(({ id, run: { base, train }, tokensPerSecond }): [string, LastTraining] => [
        base.id,
        {
          speed: { source: "last run", tokensPerSecond, train: train ?? null },
          accuracy: accuracyOf(workspace, id),
        },
      ]),
  );
}
