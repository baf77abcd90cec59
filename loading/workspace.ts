import fs from "node:fs";
import path from "node:path";
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

/** Tokens per second of the newest finished training on this base here. */
export function lastSpeed(workspace: string, baseId: string): Speed | undefined {
  const runs = path.join(workspace, "runs");
  const ids = fs.existsSync(runs) ? fs.readdirSync(runs) : [];
  const speeds = ids.flatMap((id) => {
    const file = path.join(runs, id, "training.json");
    const training = readJson<{ tokensPerSecond: number }>(file);
    const run = readJson<{ base: { id: string } }>(path.join(runs, id, "run.json"));
    if (training === undefined || run?.base.id !== baseId || !(training.tokensPerSecond > 0)) return [];
    return [{ finished: fs.statSync(file).mtimeMs, tokensPerSecond: training.tokensPerSecond }];
  });
  const [newest] = speeds.sort((a, b) => b.finished - a.finished);
  return newest === undefined ? undefined : { source: "last run", tokensPerSecond: newest.tokensPerSecond };
}
