import { adapterParameters, linearParameters, type Architecture } from "../catalog/architecture.ts";
import type { RunFile } from "../spec/run-file.ts";

/** Seconds; a range, since no single number would be true. */
export interface Duration {
  low: number;
  expected: number;
  high: number;
}

/** Where the speed comes from, best first. */
export type Speed =
  { source: "last run"; tokensPerSecond: number } | { source: "probe"; flopsPerSecond: number };

/**
 * FLOPs of a trained token with a frozen base: 4 for each linear parameter (2 forward, 2 backward to the
 * activations, none for frozen weights), 6 for each adapter parameter, 6·s·q·L for attention (causal,
 * forward and backward). The head works at answer positions only and is left out.
 */
export function flopsPerToken(a: Architecture, train: RunFile["train"], rowTokens: number): number {
  const adapter = adapterParameters(a, train.rank, train.targets, train.lastLayers);
  const attention = 6 * rowTokens * a.heads * a.headDim * a.layers;
  return (4 * linearParameters(a) + 6 * adapter + attention) * (train.gradientCheckpointing ? 1.5 : 1);
}

const START_SECONDS = 45; // imports and loading in four processes: measured on two cores

/** Time of training and evaluation; the band is wider where the speed is only probed. */
export function expectedTime(
  architecture: Architecture,
  train: RunFile["train"],
  work: { trainTokens: number; testTokens: number; rowTokens: number },
  speed: Speed,
): Duration {
  const flops = flopsPerToken(architecture, train, work.rowTokens);
  const tokensPerSecond = speed.source === "probe" ? speed.flopsPerSecond / flops : speed.tokensPerSecond;
  // Evaluation runs forward only, over base and tuned: 2 × ⅓ of the work of a trained token.
  const seconds = (work.trainTokens * train.epochs + (work.testTokens * 2) / 3) / tokensPerSecond;
  const band = speed.source === "probe" ? 2 : 1.3;
  return {
    low: START_SECONDS + seconds / band,
    expected: START_SECONDS + seconds,
    high: START_SECONDS + seconds * band,
  };
}
