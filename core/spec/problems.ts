import { EXIT_CODES } from "./exit-codes.ts";

/** One thing wrong with what a person wrote. */
export interface Problem {
  /** As the person knows it, relative to the project. */
  file: string;
  /** Where in the file, for example `train.rank`. */
  path?: string;
  /** 1-based. */
  line?: number;
  /** 1-based; for editors, not shown in the text. */
  column?: number;
  /** What was set and why it is wrong. */
  message: string;
  /** What to set instead. */
  hint?: string;
}

/** Carries every problem found, so that all are reported at once. */
export class InvalidInput extends Error {
  readonly problems: readonly Problem[];
  readonly exitCode: number;
  constructor(problems: readonly Problem[], exitCode: number = EXIT_CODES.USAGE.code) {
    super(formatProblems(problems));
    this.problems = problems;
    this.exitCode = exitCode;
  }
}

/** `models/x.yaml:12 train.rank: must be … → set …`, one line each, in file order. */
export function formatProblems(problems: readonly Problem[]): string {
  const sorted = [...problems].sort((a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0));
  return sorted.map(formatProblem).join("\n");
}

function formatProblem({ file, path, line, message, hint }: Problem): string {
  const place = `${file}${line === undefined ? "" : `:${line}`}${path === undefined ? "" : ` ${path}`}`;
  return `${place}: ${message}${hint === undefined ? "" : ` → ${hint}`}`;
}
