import { modelFamily } from "../catalog/family.ts";
import type { GpuId } from "../catalog/gpus.ts";
import type { RunFile } from "../spec/run-file.ts";
import type { Accuracy, Outcome, Prediction } from "./calibration.ts";
import { gpuMeasurement } from "./gpu-calibration.ts";
import type { GpuMeasurement } from "./gpu-step.ts";
import type { Speed } from "./time.ts";

/** An outcome as it is kept: earlier versions kept no seconds. */
type Kept = Omit<Outcome, "seconds"> & Partial<Pick<Outcome, "seconds">>;

/** What a training left behind, wherever it ran. */
export interface Finished {
  runId: string;
  /** When it ended, in any unit that grows. */
  at: number;
  baseId: string;
  /** null where an earlier version did not keep it. */
  train: RunFile["train"] | null;
  /** `device`: `cpu` or what CUDA calls its GPU; earlier versions did not keep it. */
  measured: Kept & { device?: string };
  /** Empty where nothing was planned of it. */
  prediction: Partial<Prediction>;
}

/** The newest training on CPUs of a place. */
export interface LastTraining {
  speed: Speed;
  accuracy: Accuracy | null;
}

/** What the finished trainings of a place, a workspace or a cluster, say of the next ones. */
export interface Trainings {
  /** The newest on a CPU of the same base, or else of its family. */
  lastOf: (baseId: string) => LastTraining | null;
  /** The newest on a GPU of the base's family. */
  measuredOn: (baseId: string, gpu: GpuId) => GpuMeasurement | null;
  accuracyOf: (runId: string) => Accuracy | null;
}

/** Pure: whoever knows the place reads what it holds. */
export function trainingsOf(runs: readonly Finished[]): Trainings {
  const finished = runs
    .filter(({ measured }) => measured.tokensPerSecond > 0)
    .map((run) => ({ ...run, family: modelFamily(run.baseId) }))
    .sort((a, b) => b.at - a.at);
  const here = finished.filter(({ prediction }) => (prediction.on ?? null) === null);
  // A CPU that was taken for a GPU says nothing of the GPU.
  const onGpus = finished.filter(({ prediction, measured }) => prediction.on && measured.device !== "cpu");
  return {
    lastOf(baseId) {
      const sameBase = here.find((run) => run.baseId === baseId);
      const family = modelFamily(baseId);
      const last = sameBase ?? here.find((run) => run.family === family && saysOfOthers(run));
      if (last === undefined) return null;
      const { measured, train, prediction } = last;
      const { tokensPerSecond } = measured;
      const { architecture } = prediction;
      const other = sameBase === undefined && architecture !== undefined ? { architecture } : {};
      return { speed: { source: "last run", tokensPerSecond, train, ...other }, accuracy: accuracyOf(last) };
    },
    measuredOn(baseId, gpu) {
      const family = modelFamily(baseId);
      const last = onGpus.find((run) => run.prediction.on?.gpu === gpu && run.family === family);
      const accuracy = accuracyOf(last);
      const { architecture, on } = last?.prediction ?? {};
      if (accuracy === null || !architecture || !on) return null;
      return gpuMeasurement(architecture, on, accuracy.planned, accuracy.measured);
    },
    accuracyOf: (id) => accuracyOf(runs.find(({ runId }) => runId === id)),
  };
}

/** Another size says something only where its settings and architecture are known. */
const saysOfOthers = ({ train, prediction }: Finished): boolean =>
  train !== null && prediction.architecture !== undefined;

/** null where one of both is not known. */
function accuracyOf(run: Finished | undefined): Accuracy | null {
  const { peakBytes, tokensPerSecond, seconds } = run?.prediction ?? {};
  if (run === undefined || peakBytes === undefined || tokensPerSecond === undefined) return null;
  return {
    planned: { peakBytes, tokensPerSecond, seconds: seconds ?? null },
    measured: outcomeOf(run.measured),
  };
}

const outcomeOf = ({ peakBytes, tokensPerSecond, seconds }: Kept): Outcome => ({
  peakBytes,
  tokensPerSecond,
  seconds: seconds ?? null,
});
