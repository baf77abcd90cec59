import type { Architecture } from "../catalog/architecture.ts";
import { GPUS, type GpuId } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import { assumptionsOf } from "./assumptions.ts";
import { excessOf, type Excess } from "./budget.ts";
import { choose } from "./choice.ts";
import type { GpuMeasurement } from "./gpu-step.ts";
import { jobOptions, optionAsMeasured, type JobOption } from "./job-options.ts";
import type { Job } from "./job.ts";
import { resolveEvaluation, type ResolvedBase } from "./resolve.ts";
import { workOf, type DataFacts } from "./work.ts";
import { servingMemory, type ServingMemory } from "./serving-memory.ts";
import { gigabytes, hours, usd } from "./text.ts";
import { dollars, type Dollars } from "./units.ts";

/** What a fine-tune would take on rented or own GPUs, wherever it is really made. */
export interface FlightPlan {
  /** Cheapest expected job within the limits, in 16 bits where 4 bits do not save much. */
  best: JobOption | null;
  /** Why `train.method: auto` became the method of `best`; null where it is declared. */
  methodReason: string | null;
  /** What the range of `best` takes for granted. */
  assumptions: string[];
  /** The best of other instances, cheapest first. */
  alternatives: JobOption[];
  /** Cheapest of all where the limits leave none. */
  beyondLimits: JobOption | null;
  /** Which limit leaves none, or is not kept by `best` as earlier runs on its GPU make it likely. */
  excess: Excess | null;
  /** Why instances were left out, and how many. */
  refused: Record<string, number>;
  /** Cheapest instance that serves it, alone; null where none does. */
  serving: { instance: string; gpu: string; usdPerMonth: Dollars; memory: ServingMemory } | null;
}

const ALTERNATIVES = 3;
const HOURS_PER_MONTH = 730;

/**
 * Plan the job of a fine-tune on all instances; null where the base's architecture is unknown. Formulas choose,
 * measurements correct what is told of the choice (docs/decisions/014-measured-figures.md).
 */
export function flightPlan(
  spec: FineTuneSpec,
  { base, data, instances, measuredOn = () => null }: FlightFacts,
): FlightPlan | null {
  const { architecture, context, entry } = base;
  if (architecture === null) return null;
  const job = jobOf(spec, architecture, data);
  const { options, beyondLimits, refused } = jobOptions(job, instances, spec.compute);
  const { best: chosen, methodReason } = choose(job.method, options);
  const seen = new Set(chosen === null ? [] : [chosen.instance]);
  const others = options.filter(({ instance }) => !seen.has(instance) && seen.add(instance));
  const told = (option: JobOption) => optionAsMeasured(job, instances, option, measuredOn(option.gpu));
  const best = chosen === null ? null : told(chosen);
  const serves = { context, vllmLora: entry?.vllmLora ?? true };
  return {
    best,
    methodReason,
    assumptions: best === null ? [] : assumptionsOf(best, measuredOn(best.gpu)),
    alternatives: others.slice(0, ALTERNATIVES).map(told),
    beyondLimits: best === null ? (beyondLimits[0] ?? null) : null,
    excess: excessOf(spec.compute, best === null ? beyondLimits : [best]),
    refused,
    serving: cheapestServer(architecture, spec.train.rank, serves, instances),
  };
}

interface FlightFacts {
  base: Omit<ResolvedBase, "base">;
  data: DataFacts;
  instances: readonly Instance[];
  /** What earlier runs of the base's family took on a GPU. */
  measuredOn?: (gpu: GpuId) => GpuMeasurement | null;
}

/** As many tokens are generated for a test row as the longest answer has. */
export function jobOf(spec: FineTuneSpec, architecture: Architecture, data: DataFacts): Job {
  const { maxLength, ...train } = spec.train;
  const work = workOf(data, spec);
  return {
    ...train,
    ...work,
    architecture,
    rowTokens: Math.max(1, Math.min(work.rowTokens, maxLength)),
    longestRowTokens: Math.max(1, Math.min(data.longestRowTokens, maxLength)),
    longestAnswerTokens: data.longestAnswerTokens,
    newTokens: Math.min(data.longestAnswerTokens, resolveEvaluation(spec).maxNewTokens),
  };
}

/** One GPU, all day, on demand: a server has to be there. */
function cheapestServer(
  architecture: Architecture,
  rank: number,
  { context, vllmLora }: { context: number | null; vllmLora: boolean },
  instances: readonly Instance[],
): FlightPlan["serving"] {
  const byPrice = instances
    .flatMap((instance) => (instance.usdPerHour === null ? [] : [{ instance, price: instance.usdPerHour }]))
    .filter(({ instance }) => instance.stockAmi && GPUS[instance.gpu].bf16)
    .sort((a, b) => a.price - b.price);
  for (const { instance, price } of byPrice) {
    const settings = { context: context ?? 4096, embeddingSlots: false };
    // Without LoRA in vLLM the merged weights serve, and there is no slot.
    const memory = servingMemory(architecture, GPUS[instance.gpu], vllmLora ? [rank] : [], settings);
    if (memory === null || memory.maxModelLength < Math.min(2048, settings.context)) continue;
    return {
      instance: instance.type,
      gpu: instance.gpu,
      usdPerMonth: dollars(price * HOURS_PER_MONTH),
      memory,
    };
  }
  return null;
}

/** `g6.xlarge spot, 0.3 to 0.6 h, $0.15 to $0.31 (lora, 14.2 of 24.0 GB)`. */
export function describeOption(option: JobOption): string {
  const { duration, cost, gpus } = option;
  const share = `${gigabytes(option.peakBytes)} of ${gigabytes(GPUS[option.gpu].memoryBytes)}`;
  return (
    `${option.instance} ${option.purchase}${gpus > 1 ? `, ${gpus} GPUs together` : ""}, ` +
    `${hours(duration.low)} to ${hours(duration.high)} h, ${usd(cost.low)} to ${usd(cost.high)} ` +
    `(${option.method}, ${option.microBatch}·${option.gradientAccumulation}` +
    `${option.checkpointing === "full" ? ", activations recomputed" : ""}, ${share})`
  );
}
