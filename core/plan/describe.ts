import Table from "cli-table3";
import { GPUS } from "../catalog/gpus.ts";
import { clusterName } from "./aws-plan.ts";
import { describeAccuracy } from "./calibration.ts";
import { servingLines } from "./describe-serving.ts";
import { describeOption } from "./flight.ts";
import type { FineTunePlan, StackPlan } from "./plan.ts";
import { duration, gigabytes } from "./text.ts";

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
  const serving = servingLines(plan.serving).map((line) => `serving: ${line}`);
  const lines = [...plan.notes, ...notes, ...serving];
  return [`Plan (${plan.target}, ${placeOf(plan)})`, table.toString(), ...lines].join("\n");
}

function placeOf({ kubernetes, aws, workspace }: StackPlan): string {
  if (!kubernetes) return `workspace ${workspace}`;
  if (aws !== null) return `${aws.region}, cluster ${clusterName(aws)}, namespace ${kubernetes.namespace}`;
  return `namespace ${kubernetes.namespace}, ${kubernetes.gpu === null ? "CPUs" : `one ${GPUS[kubernetes.gpu].name} a pod`}`;
}

/** What it would take on a rented GPU. */
function flightLines({ name, flight }: FineTunePlan): string[] {
  const option = flight?.best ?? null;
  if (flight === null || option === null) return [];
  const { methodReason, assumptions } = flight;
  return [
    `${name}: on a GPU: ${describeOption(option)}`,
    ...(methodReason === null ? [] : [`${name}: train.method auto is ${option.method}: ${methodReason}`]),
    `${name}: assumed: ${assumptions.join("; ")}`,
  ];
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
  return `${duration(expected)}\n(${duration(low)} to ${duration(high)}, by ${plan.speedSource})`;
}
