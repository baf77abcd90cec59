import { adapterParameters, linearParameters, type Architecture } from "../catalog/architecture.ts";
import type { RunFile } from "../spec/run-file.ts";
import { coresOf } from "./cores.ts";
import { seconds, type Range, type Seconds } from "./units.ts";

/** A range, since no single number would be true. */
export type Duration = Range<Seconds>;

/** Where the speed comes from, best first. */
export type Speed =
  /**
   * `train`: what that run's settings were, `architecture`: of its base, where it is another one of the
   * family; its speed is carried over to others by their FLOPs.
   */
  | {
      source: "last run";
      tokensPerSecond: number;
      train: RunFile["train"] | null;
      architecture?: Architecture;
    }
  | { source: "probe"; flopsPerSecond: number }
  /** Nothing was asked: see clusterSpeed. */
  | { source: "assumption"; flopsPerSecond: number };

/** Half of what a core of an AMD EPYC reached with SmolLM2-135M (69 GFLOP/s as counted here). */
const FLOPS_PER_CORE = 35e9;

/**
 * Of pods on CPU nodes that nobody has measured. Fixed on purpose: deadlines follow from it, and a Job must
 * look the same from every machine that plans it. `cores` as Kubernetes writes them: `2`, `500m`.
 */
export function clusterSpeed(cores: string): Speed {
  return { source: "assumption", flopsPerSecond: FLOPS_PER_CORE * coresOf(cores) };
}

/** How far the time may be off, either way. */
const BAND = { "last run": 1.3, probe: 2, assumption: 3 } as const;

/**
 * What a step on a CPU costs besides arithmetic, as FLOPs: fitted to bench/local-training.ts on two cores of
 * an AMD EPYC. `perElement`: input and output of each adapted matrix pass through memory once more.
 * `readTokens`: reading all weights takes as long as this many tokens of arithmetic, in 4 bits longer.
 * `recomputing`: checkpointed activations.
 */
const CPU = { perElement: 400, readTokens: { lora: 90, qlora: 300 }, recomputing: 2.1 } as const;

/**
 * FLOPs of a trained token with a frozen base: 2 for each linear parameter forward and 2 backward to the
 * activations of the adapted layers (none for frozen weights), 6 for each adapter parameter, 6·s·q·L for
 * attention (causal, forward and backward); and what else takes as long. The head works at answer positions
 * only and is left out.
 */
export function flopsPerToken(a: Architecture, train: RunFile["train"], rowTokens: number): number {
  const layers = Math.min(a.layers, train.lastLayers ?? a.layers);
  const adapter = adapterParameters(a, train.rank, train.targets, train.lastLayers);
  const elements = adapter / train.rank; // Σ(in + out)
  const attention = 6 * rowTokens * a.heads * a.headDim * a.layers;
  const linear = 2 * linearParameters(a) * (1 + layers / a.layers);
  const flops = linear + 6 * adapter + CPU.perElement * elements + attention;
  const tokens = Math.max(1, train.microBatch * rowTokens);
  const reading = 1 + CPU.readTokens[train.method] / tokens;
  return flops * reading * (train.gradientCheckpointing ? CPU.recomputing : 1);
}

/** Imports and loading in the processes of the stages: measured on two cores of an AMD EPYC. */
export const START_SECONDS = 45;

/** Tokens a second of training, expected. */
export function expectedSpeed(
  a: Architecture,
  train: RunFile["train"],
  rowTokens: number,
  speed: Speed,
): number {
  const flops = flopsPerToken(a, train, rowTokens);
  if (speed.source !== "last run") return speed.flopsPerSecond / flops;
  if (speed.train === null) return speed.tokensPerSecond;
  return (speed.tokensPerSecond * flopsPerToken(speed.architecture ?? a, speed.train, rowTokens)) / flops;
}

/** Time of training and evaluation; the band is wider where the speed is only probed. */
export function expectedTime(
  architecture: Architecture,
  train: RunFile["train"],
  work: { trainTokens: number; testTokens: number; rowTokens: number },
  speed: Speed,
): Duration {
  const tokensPerSecond = expectedSpeed(architecture, train, work.rowTokens, speed);
  // Evaluation runs forward only, over base and tuned: 2 × ⅓ of the work of a trained token.
  const working = (work.trainTokens * train.epochs + (work.testTokens * 2) / 3) / tokensPerSecond;
  const band = BAND[speed.source];
  return {
    low: seconds(START_SECONDS + working / band),
    expected: seconds(START_SECONDS + working),
    high: seconds(START_SECONDS + working * band),
  };
}
