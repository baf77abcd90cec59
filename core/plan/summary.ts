import type { FineTunePlan, StackPlan } from "./plan.ts";
import { HOUR, type Range } from "./units.ts";

/** What the stack outputs say of a plan, under `plan.<name>`. */
export interface PlanSummary {
  runId: string;
  state: FineTunePlan["state"];
  /** Peak on this machine; null where unknown. */
  memoryBytes: number | null;
  /** On this machine: training and evaluation; 0 for a finished run, null where unknown. */
  seconds: Range<number> | null;
  /** Cheapest job within the limits on a GPU; null where there is none. */
  gpuJob: {
    instance: string;
    purchase: "on-demand" | "spot";
    gpus: number;
    method: "lora" | "qlora";
    memoryBytes: number;
    hours: Range<number>;
    /** US dollars. */
    usd: Range<number>;
  } | null;
  /** `level: text`. */
  advice: string[];
}

/** By name of the fine-tune. Rounded, so that a plan that says the same is the same. */
export const planSummary = ({ fineTunes }: Pick<StackPlan, "fineTunes">): Record<string, PlanSummary> =>
  Object.fromEntries(fineTunes.map((plan) => [plan.name, summaryOf(plan)]));

function summaryOf({ runId, state, memory, seconds, flight, advice }: FineTunePlan): PlanSummary {
  const best = flight?.best ?? null;
  const time = state === "reused" ? { low: 0, expected: 0, high: 0 } : seconds;
  return {
    runId,
    state,
    memoryBytes: memory === null ? null : rounded(memory.peakBytes),
    seconds: time === null ? null : roundedRange(time),
    gpuJob:
      best === null
        ? null
        : {
            instance: best.instance,
            purchase: best.purchase,
            gpus: best.gpus,
            method: best.method,
            memoryBytes: rounded(best.peakBytes),
            hours: roundedRange(best.duration, HOUR),
            usd: roundedRange(best.cost),
          },
    advice: advice.map(({ level, text }) => `${level}: ${text}`),
  };
}

/** To two figures. */
const rounded = (value: number): number => Number(value.toPrecision(2));

const roundedRange = ({ low, expected, high }: Range<number>, unit = 1): Range<number> => ({
  low: rounded(low / unit),
  expected: rounded(expected / unit),
  high: rounded(high / unit),
});
