import fs from "node:fs";
import path from "node:path";
import type { FormerVerdict } from "../core/plan/plan.ts";
import type { Speed } from "../core/plan/time.ts";

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as T;
  } catch {
    return undefined; // absent or half-written: then it does not count
  }
}

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

/** By base id: tokens per second of the newest finished training here. */
export function lastSpeeds(workspace: string): Map<string, Speed> {
  const runs = path.join(workspace, "runs");
  const finished = (fs.existsSync(runs) ? fs.readdirSync(runs) : []).flatMap((id) => {
    const file = path.join(runs, id, "training.json");
    const training = readJson<{ tokensPerSecond: number }>(file);
    const base = readJson<{ base: { id: string } }>(path.join(runs, id, "run.json"))?.base.id;
    if (training === undefined || base === undefined || !(training.tokensPerSecond > 0)) return [];
    return [{ base, at: fs.statSync(file).mtimeMs, tokensPerSecond: training.tokensPerSecond }];
  });
  return new Map(
    finished
      .sort((a, b) => a.at - b.at)
      .map(({ base, tokensPerSecond }) => [base, { source: "last run", tokensPerSecond }]),
  );
}
