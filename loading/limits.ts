import { gigabytes } from "../core/plan/text.ts";
import type { FineTunePlan } from "../core/plan/plan.ts";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import type { Problem } from "../core/spec/problems.ts";
import { modelProblem, type ModelFile } from "./model-files.ts";

export interface Planned {
  model: ModelFile;
  plan: FineTunePlan;
  /** Its data files on this machine, absolute paths by their sha256. */
  files: Record<string, string>;
}

/** What is left to train, by its peak memory, largest first. */
const demands = (planned: readonly Planned[]) =>
  planned
    .flatMap(({ model, plan }) =>
      plan.state === "reused" || plan.memory === null ? [] : [{ model, plan, bytes: plan.memory.peakBytes }],
    )
    .sort((a, b) => b.bytes - a.bytes);

/** Does each training fit into the machine's memory, and do as many at a time as the stack asks for? */
export function memoryProblems(
  planned: readonly Planned[],
  memoryBytes: number,
  parallelism: number,
  stackFile: string,
): Problem[] {
  const all = demands(planned);
  const machine = `this machine has ${gigabytes(memoryBytes)}`;
  const tooLarge = all
    .filter(({ bytes }) => bytes > memoryBytes)
    .map(({ model, plan, bytes }) =>
      modelProblem(
        model,
        "base",
        `training ${plan.run.base.id} takes about ${gigabytes(bytes)} of memory, and ${machine}`,
        waysOut(model.spec),
      ),
    );
  const together = all.slice(0, parallelism).reduce((sum, { bytes }) => sum + bytes, 0);
  if (tooLarge.length > 0 || together <= memoryBytes) return tooLarge;
  return [
    {
      file: stackFile,
      path: "tuneform:parallelism",
      message: `${Math.min(parallelism, all.length)} trainings at a time take about ${gigabytes(together)} of memory, and ${machine}`,
      hint: "lower it",
    },
  ];
}

function waysOut({ train }: FineTuneSpec): string {
  const quantise = train.method === "qlora" ? "" : "train.method: qlora, ";
  return `${quantise}a shorter train.maxLength, a smaller base, or a larger machine`;
}

/** Limits of model files that cannot be kept. On this machine hours are hard; where GPUs are rented both are. */
export const limitProblems = (planned: readonly Planned[], target: string): Problem[] =>
  target === "local" ? timeProblems(planned) : budgetProblems(planned);

/** Fine-tunes that no rented instance makes within compute.maxUsd and compute.maxHours, or at all. */
export function budgetProblems(planned: readonly Planned[]): Problem[] {
  return planned.flatMap(({ model, plan: { state, flight, run } }) => {
    if (state === "reused" || flight === null) return [];
    const { best, excess, refused } = flight;
    if (excess !== null) return [modelProblem(model, excess.field, excess.message, excess.hint)];
    if (best !== null) return [];
    const reasons = Object.entries(refused).map(([reason, count]) => `${count} for ${reason}`);
    return [
      modelProblem(
        model,
        "base",
        `no instance trains ${run.base.id}; left out: ${reasons.join(", ")}`,
        waysOut(model.spec),
      ),
    ];
  });
}

/** Fine-tunes that are sure to take longer than they may. */
export function timeProblems(planned: readonly Planned[]): Problem[] {
  return planned.flatMap(({ model, plan }) => {
    const { maxHours } = model.spec.compute;
    if (maxHours === null || plan.state === "reused" || plan.seconds === null) return [];
    const hours = plan.seconds.low / 3600;
    if (hours <= maxHours) return [];
    return [
      modelProblem(
        model,
        "compute.maxHours",
        `is ${maxHours}, but at least ${hours.toFixed(1)} hours are expected here (by ${plan.speedSource})`,
        "raise it, or take fewer rows, epochs or a smaller base",
      ),
    ];
  });
}
