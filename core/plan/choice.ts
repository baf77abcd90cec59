import { usd } from "./text.ts";
import type { Job } from "./job.ts";
import type { JobOption } from "./job-options.ts";

/** The option that a plan takes, and why it has its method; null where the declaration says it. */
export interface Choice {
  best: JobOption | null;
  methodReason: string | null;
}

/** `auto` takes 4-bit weights for less than this share of what 16-bit ones cost. */
const MUCH_CHEAPER = 0.7;

/**
 * The cheapest job of those within the limits. `auto` takes 16-bit weights, which lose nothing to
 * quantisation, unless 4-bit ones make the job much cheaper or quicker. Quicker counts so that more money
 * never buys a slower job.
 */
export function choose(method: Job["method"], options: readonly JobOption[]): Choice {
  const [cheapest = null] = options;
  if (cheapest === null || method !== "auto") return { best: cheapest, methodReason: null };
  const of = (option: JobOption) => `${usd(option.cost.expected)} on ${option.instance}`;
  if (cheapest.method === "lora")
    return { best: cheapest, methodReason: `16-bit weights fit, and the job is cheapest with them` };
  const sixteen = options.find(
    (option) =>
      option.method === "lora" &&
      cheapest.cost.expected >= MUCH_CHEAPER * option.cost.expected &&
      option.duration.expected <= cheapest.duration.expected,
  );
  if (sixteen !== undefined)
    return {
      best: sixteen,
      methodReason: `16-bit weights lose nothing: ${of(sixteen)}, not much more than ${of(cheapest)} in 4 bits, and no slower`,
    };
  const dearer = options.find((option) => option.method === "lora");
  return {
    best: cheapest,
    methodReason:
      dearer === undefined
        ? "16-bit weights fit on no instance within the limits"
        : `4-bit weights are ${cheapest.cost.expected < MUCH_CHEAPER * dearer.cost.expected ? "much cheaper" : "cheaper and quicker"}: ${of(cheapest)} against ${of(dearer)} with 16-bit ones`,
  };
}
