import type { GpuId } from "../catalog/gpus.ts";
import type { GpuTraining } from "./gpu-memory.ts";

/** What earlier runs of a model family took on a GPU, against what was planned. */
export interface GpuMeasurement {
  /** Share of the GPU's peak that the arithmetic reached. */
  utilisation: number;
  /** Measured peak memory ÷ planned. */
  peakRatio: number;
}

/** The step that a prediction is of. */
export interface GpuStepTaken {
  gpu: GpuId;
  gpus: number;
  /** `maxLength` is the mean of the rows. */
  train: GpuTraining;
}
