import { execa } from "execa";
import { exitMeaning } from "../../core/spec/exit-codes.ts";
import { leaseHeld } from "./lease.ts";
import { ProgressLines, type TrainerEvent } from "./progress-lines.ts";

export const STAGES = ["prepare", "train", "evaluate", "publish"] as const;
export type Stage = (typeof STAGES)[number];

export interface StageRun {
  /** Absolute path of the `tuneform-trainer` program. */
  trainer: string;
  stage: Stage;
  runFile: string;
  workspace: string;
  /** Name of the fine-tune; begins every line it prints. */
  name: string;
  /** See lease.ts. */
  lease: string;
  env: Record<string, string>;
}

/** A stage that ended without success. `exitCode` is one of core/spec/exit-codes.ts. */
export class StageFailure extends Error {
  readonly exitCode: number;
  constructor(name: string, stage: Stage, exitCode: number, reason: string) {
    super(`${name}: ${stage}: ${reason} (exit code ${exitCode}: ${exitMeaning(exitCode)})`);
    this.exitCode = exitCode;
  }
}

/**
 * Run one stage as a child process and print its progress.
 *
 * The child stops by itself when this process dies (its stdin closes) and is asked to stop, saving a
 * checkpoint, when nobody holds the lease any more.
 */
export async function runStage(run: StageRun): Promise<void> {
  const lines = new ProgressLines(run.name);
  let failure: TrainerEvent | undefined;
  const child = execa(run.trainer, [run.stage, "--run", run.runFile, "--workspace", run.workspace], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    buffer: false,
    reject: false,
    forceKillAfterDelay: false,
    env: { ...run.env, TUNEFORM_PROGRESS: "json", TUNEFORM_STOP_WITH_PARENT: "1", PYTHONUNBUFFERED: "1" },
  });
  const watch = setInterval(() => {
    if (!leaseHeld(run.lease)) child.kill("SIGTERM");
  }, 500);
  const lastWords: string[] = [];
  const readErrors = (async () => {
    for await (const line of child.iterable({ from: "stderr" })) {
      lastWords.push(line);
      if (lastWords.length > 20) lastWords.shift();
    }
  })();
  for await (const line of child) {
    const event = lines.show(line);
    if (event?.event === "error") failure = event;
  }
  await readErrors;
  const result = await child;
  clearInterval(watch);
  if (result.exitCode === 0) return;
  const code = result.exitCode ?? (result.signal === "SIGKILL" ? 137 : 1);
  throw new StageFailure(run.name, run.stage, code, reasonOf(failure, lastWords, result.signal));
}

function reasonOf(failure: TrainerEvent | undefined, lastWords: string[], signal: string | undefined): string {
  if (failure?.event === "error")
    return [failure.message, ...failure.problems.map((problem) => `  - ${problem}`)].join("\n");
  const words = lastWords.filter((line) => line.trim() !== "").slice(-8);
  const ended = signal === undefined ? "ended without a word" : `was ended by ${signal}`;
  return [`the trainer ${ended}; run again to resume from its last checkpoint`, ...words].join("\n");
}
