import type { Architecture } from "../catalog/architecture.ts";
import type { GpuStepTaken } from "./gpu-step.ts";
import type { MemoryPlan } from "./memory.ts";
import { duration } from "./text.ts";
import { bytes, type Bytes, type Seconds } from "./units.ts";

/** What was planned of a training, or measured. */
export interface Outcome {
  /** Peak. */
  peakBytes: Bytes;
  tokensPerSecond: number;
  /** Of the training alone; null where an older version did not keep it. */
  seconds: Seconds | null;
}

/** What is kept of a plan, so that the next one learns from it. The peak is not corrected by earlier runs. */
export interface Prediction extends Outcome {
  architecture: Architecture;
  /** null: this machine's processor. */
  on: GpuStepTaken | null;
}

/** A training that ended, beside what was planned of it. */
export interface Accuracy {
  planned: Outcome;
  measured: Outcome;
}

/** Measured ÷ planned; 1 where nothing was measured. */
export const peakRatio = (accuracy: Accuracy | null): number =>
  accuracy === null ? 1 : accuracy.measured.peakBytes / accuracy.planned.peakBytes;

/**
 * A planned peak, corrected by `ratio`: measured ÷ planned of the last run of the same base or family. Only what
 * is told is corrected: a micro-batch that followed from it would change between an interrupted run and its
 * resumption.
 */
export function calibratedMemory(memory: MemoryPlan, ratio: number): MemoryPlan {
  if (ratio === 1) return memory;
  const calibration = bytes(Math.round(memory.peakBytes * (ratio - 1)));
  return {
    peakBytes: bytes(memory.peakBytes + calibration),
    breakdown: { ...memory.breakdown, calibration },
  };
}

const error = (planned: number, measured: number): string => {
  const off = (planned / measured - 1) * 100;
  return `(${off >= 0 ? "+" : ""}${off.toFixed(0)} %)`;
};

/**
 * `memory planned 2.20 GB, measured 2.30 GB (-4 %); speed planned 160, measured 175 tokens/s (-9 %); training
 * planned 10.0 min, measured 9.1 min (+10 %)`.
 */
export function describeAccuracy({ planned, measured }: Accuracy): string {
  const gigabytes = (value: number) => `${(value / 1e9).toFixed(2)} GB`;
  const time =
    planned.seconds === null || measured.seconds === null
      ? ""
      : `; training planned ${duration(planned.seconds)}, measured ${duration(measured.seconds)} ` +
        error(planned.seconds, measured.seconds);
  return (
    `memory planned ${gigabytes(planned.peakBytes)}, measured ${gigabytes(measured.peakBytes)} ` +
    `${error(planned.peakBytes, measured.peakBytes)}; ` +
    `speed planned ${planned.tokensPerSecond.toFixed(0)}, measured ${measured.tokensPerSecond.toFixed(0)} tokens/s ` +
    `${error(planned.tokensPerSecond, measured.tokensPerSecond)}${time}`
  );
}
