import Table from "cli-table3";
import { GPUS } from "../catalog/gpus.ts";
import { describeAccuracy } from "./calibration.ts";
import { describeOption } from "./flight.ts";
import type { FineTunePlan, StackPlan } from "./plan.ts";

/** The plan as `up` prints it before anything happens. */
export function describePlan(plan: StackPlan): string {
  const table = new Table({
    head: ["fine-tune", "run", "rows", "tokens", "steps × batch", "memory", "time here", "serving"],
    style: { head: [], border: [] },
  });
  for (const fineTune of plan.fineTunes) table.push(rowOf(fineTune));
  const notes = plan.fineTunes.flatMap((fineTune) => [
    `${fineTune.name}: ${fineTune.state}: ${fineTune.why}`,
    ...(fineTune.accuracy === null ? [] : [`${fineTune.name}: ${describeAccuracy(fineTune.accuracy)}`]),
    ...flightLines(fineTune),
    ...fineTune.advice.map(({ level, text }) => `${fineTune.name}: ${level}: ${text}`),
  ]);
  return [`Plan (${plan.target}, ${placeOf(plan)})`, table.toString(), ...notes].join("\n");
}

function placeOf({ kubernetes, workspace }: StackPlan): string {
  if (!kubernetes) return `workspace ${workspace}`;
  return `namespace ${kubernetes.namespace}, ${kubernetes.gpu === null ? "CPUs" : `one ${GPUS[kubernetes.gpu].name} a pod`}`;
}

/** What it would take on a rented GPU. */
function flightLines({ name, flight }: FineTunePlan): string[] {
  const option = flight?.best ?? null;
  return option === null ? [] : [`${name}: on a GPU: ${describeOption(option)}`];
}

function rowOf(plan: FineTunePlan): string[] {
  const { microBatch, gradientAccumulation, method, rank } = plan.run.train;
  const batch = gradientAccumulation === 1 ? String(microBatch) : `${microBatch}·${gradientAccumulation}`;
  const { change, modelId } = plan.serving;
  return [
    `${plan.name}\n${plan.run.base.id} ${method} r${rank}`,
    `${plan.runId}\n${plan.state}`,
    String(plan.rows),
    `≈ ${plan.tokens.toLocaleString("en")}\n× ${plan.run.train.epochs}`,
    `${plan.steps} × ${batch}`,
    plan.memory === null ? "unknown" : gigabytes(plan.memory.peakBytes),
    timeOf(plan),
    change === "none"
      ? "unchanged"
      : `${plan.serving.alias} ${change === "new" ? "new" : "moves"}\n→ ${modelId}`,
  ];
}

function timeOf(plan: FineTunePlan): string {
  if (plan.state === "reused") return "0 (reused)";
  if (plan.seconds === null) return "unknown";
  const { low, expected, high } = plan.seconds;
  return `${minutes(expected)}\n(${minutes(low)} to ${minutes(high)}, by ${plan.speedSource})`;
}

/** 10⁹ bytes, as the people who sell memory count. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}
