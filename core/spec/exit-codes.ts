/**
 * Exit codes of `tuneform` and of every trainer stage, with what they mean to a person. Repeated in
 * trainer-image/…/errors.py and docs/exit-codes.md; a test compares the three.
 */
export const EXIT_CODES = {
  OK: { code: 0, meaning: "done" },
  INTERNAL: { code: 1, meaning: "a defect of Tuneform" },
  USAGE: { code: 2, meaning: "bad arguments or an input file that does not validate" },
  DATA: { code: 3, meaning: "the data firewall found errors" },
  BASE_MODEL: { code: 4, meaning: "the base model cannot be had, or is refused" },
  OUT_OF_MEMORY: { code: 5, meaning: "out of memory" },
  NOT_FINITE: {
    code: 6,
    meaning: "loss or gradient became NaN or infinite; the last good checkpoint is kept",
  },
  STORAGE: { code: 7, meaning: "the disk is full or not writable" },
  ENVIRONMENT: { code: 8, meaning: "wrong Python, Node or a missing program or package" },
  PORT_IN_USE: { code: 9, meaning: "the port is taken" },
  REJECTED: { code: 20, meaning: "the gate said no" },
  UNDECIDABLE: { code: 21, meaning: "the gate could not tell: test set too small" },
  INTERRUPTED: { code: 130, meaning: "interrupted" },
  PREEMPTED: { code: 143, meaning: "asked to stop; a checkpoint was saved where there was one to save" },
} as const;

/** The meaning of an exit code in words; signals are 128 + their number. */
export function exitMeaning(code: number): string {
  const known = Object.values(EXIT_CODES).find((entry) => entry.code === code);
  if (known !== undefined) return known.meaning;
  return code === 137 ? "killed (SIGKILL, often by a memory limit)" : "not a documented code";
}
