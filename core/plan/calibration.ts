import type { MemoryPlan } from "./memory.ts";

/** What was planned of a training, or measured. Bytes of the peak, tokens a second. */
export interface Outcome {
  peakBytes: number;
  tokensPerSecond: number;
}

/** A training that ended here, beside what was planned of it. */
export interface Accuracy {
  planned: Outcome;
  measured: Outcome;
}

/**
 * A planned peak, corrected by how far the last run of the same base was off. Only what is told is corrected:
 * a micro-batch that followed from it would change between an interrupted run and its resumption.
 */
export function calibratedMemory(memory: MemoryPlan, last: Accuracy | null): MemoryPlan {
  if (last === null) return memory;
  const ratio = last.measured.peakBytes / last.planned.peakBytes;
  const calibration = Math.round(memory.peakBytes * (ratio - 1));
  return {
    peakBytes: memory.peakBytes + calibration,
    breakdown: { ...memory.breakdown, calibration },
  };
}

const percent = (planned: number, measured: number): string => {
  const error = (planned / measured - 1) * 100;
  return `${error >= 0 ? "+" : ""}${error.toFixed(0)} %`;
};

/** `memory planned 2.2 GB, measured 2.3 GB (-4 %); speed planned 160, measured 175 tokens/s (-9 %)`. */
export function describeAccuracy({ planned, measured }: Accuracy): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  return (
    `memory planned ${gigabytes(planned.peakBytes)}, measured ${gigabytes(measured.peakBytes)} ` +
    `(${percent(planned.peakBytes, measured.peakBytes)}); ` +
    `speed planned ${planned.tokensPerSecond.toFixed(0)}, measured ${measured.tokensPerSecond.toFixed(0)} tokens/s ` +
    `(${percent(planned.tokensPerSecond, measured.tokensPerSecond)})`
  );
}
