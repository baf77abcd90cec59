import os from "node:os";
import { execa } from "execa";
import { exitMeaning } from "../../core/spec/exit-codes.ts";
import { leaseHeld } from "./lease.ts";
import { ProgressLines, type TrainerEvent } from "./progress-lines.ts";

export interface StageRun {
  /** Absolute path of the `tuneform-trainer` program. */
  trainer: string;
  runFile: string;
  workspace: string;
  /** Name of the fine-tune; begins every line it prints. */
  name: string;
  /** See lease.ts. */
  lease: string;
  env: Record<string, string>;
}

/** Stages that ended without success. `exitCode` is one of core/spec/exit-codes.ts. */
export class StageFailure extends Error {
  readonly exitCode: number;
  constructor(name: string, exitCode: number, reason: string) {
    super(`${name}: ${reason} (exit code ${exitCode}: ${exitMeaning(exitCode)})`);
    this.exitCode = exitCode;
  }
}

/**
 * Run all stages of a run as one child process and print its progress. Finished stages are skipped.
 *
 * The child stops by itself when this process dies (its stdin closes) and is asked to stop, saving a
 * checkpoint, when nobody holds the lease any more.
 */
export async function runStages(run: StageRun): Promise<void> {
  const lines = new ProgressLines(run.name);
  let failure: TrainerEvent | undefined;
  const child = execa(run.trainer, ["run", "--run", run.runFile, "--workspace", run.workspace], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    buffer: false,
    reject: false,
    forceKillAfterDelay: false,
    env: { ...run.env, TUNEFORM_PROGRESS: "json", TUNEFORM_STOP_WITH_PARENT: "1", PYTHONUNBUFFERED: "1" },
  });
  // Asked once: a second signal could end the trainer while it ends by itself.
  const watch = setInterval(() => {
    if (leaseHeld(run.lease)) return;
    clearInterval(watch);
    child.kill("SIGTERM");
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
  const code =
    result.exitCode ?? (result.signal === undefined ? 1 : 128 + os.constants.signals[result.signal]);
  throw new StageFailure(run.name, code, reasonOf(failure, lastWords, result.signal));
}

function reasonOf(
  failure: TrainerEvent | undefined,
  lastWords: string[],
  signal: string | undefined,
): string {
  if (failure?.event === "error")
    return [failure.message, ...failure.problems.map((problem) => `  - ${problem}`)].join("\n");
  const words = lastWords.filter((line) => line.trim() !== "").slice(-8);
  const ended = signal === undefined ? "ended without a word" : `was ended by ${signal}`;
  return [`the trainer ${ended}; run again to resume from its last checkpoint`, ...words].join("\n");
}
