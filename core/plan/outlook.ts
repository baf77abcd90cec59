import type { RunFile } from "../spec/run-file.ts";
import { canonicalJson } from "./digest.ts";
import { serverKey } from "./servers.ts";

/** State of a run in the workspace. */
export type RunState = "new" | "resumes" | "reused";

/** A verdict that the workspace holds. */
export interface FormerVerdict {
  decision: "promoted" | "rejected" | "undecidable";
  reason: string;
  /** Run that it was compared with besides the base. */
  incumbent: string | null;
  /** Evaluate and gate settings that it was decided with. */
  settings: unknown;
}

/** What becomes of an alias. */
export interface AliasPlan {
  server: string;
  alias: string;
  modelId: string;
  change: "new" | "moves" | "none";
  from: string | null;
}

/** Why a run is new or not, and whether the gate is known to refuse it again. */
export function outlookOf(
  state: RunState,
  verdict: FormerVerdict | null,
  run: RunFile,
  current: string | null,
): { why: string; isRefused: boolean } {
  const outlook = (why: string, isRefused = false) => ({ why, isRefused });
  if (state === "resumes")
    return outlook("an earlier update was interrupted; it goes on from its checkpoint");
  if (state === "new")
    return outlook(
      current === null ? "no run of this name serves yet" : "base, data or training settings changed",
    );
  if (verdict === null) return outlook("it is trained already and not judged yet");
  const settings = { evaluate: run.evaluate, gate: run.gate };
  const isSame = canonicalJson(verdict.settings) === canonicalJson(settings);
  if (!isSame) return outlook("it is trained already; evaluation or gate changed, so it is judged again");
  if (verdict.decision !== "promoted" && verdict.incumbent === current)
    return outlook(`it is trained already and was ${verdict.decision}: ${verdict.reason}`, true);
  return outlook("base, data and training settings are those of a finished run");
}

/** Where an alias points afterwards. */
export function aliasPlan(
  name: string,
  runId: string,
  baseId: string,
  current: string | null,
  isRefused: boolean,
): AliasPlan {
  const from = current === null ? null : `${name}-${current}`;
  const change = isRefused || current === runId ? "none" : current === null ? "new" : "moves";
  return { server: serverKey(baseId), alias: name, modelId: `${name}-${runId}`, change, from };
}
