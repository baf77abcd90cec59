import Table from "cli-table3";
import { GPUS } from "../catalog/gpus.ts";
import { clusterName } from "./aws-plan.ts";
import { describeAccuracy } from "./calibration.ts";
import { servingLines } from "./describe-serving.ts";
import { describeOption } from "./flight.ts";
import type { FineTunePlan, StackPlan } from "./plan.ts";
import { duration, gigabytes, hours, usd } from "./text.ts";

/** The plan as `up` prints it before anything happens. */
export function describePlan(plan: StackPlan): string {
  // What an instance is chosen for is a job there; "time here" would be nobody's.
  const [jobHead, jobCells] = plan.aws === null ? HERE : ON_AWS;
  const table = new Table({
    head: ["fine-tune", "run", "rows", "tokens", ...jobHead, "serving"],
    style: { head: [], border: [] },
  });
  for (const fineTune of plan.fineTunes) table.push(rowOf(fineTune, jobCells(fineTune)));
  const notes = plan.fineTunes.flatMap((fineTune) => [
    `${fineTune.name}: ${fineTune.state}: ${fineTune.why}`,
    ...(fineTune.accuracy === null ? [] : [`${fineTune.name}: ${describeAccuracy(fineTune.accuracy)}`]),
    ...flightLines(fineTune, plan.aws === null),
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

type Batch = Pick<FineTunePlan["run"]["train"], "microBatch" | "gradientAccumulation">;

/** Heads and cells of the columns that say what a job takes. */
type JobColumns = [head: string[], cells: (plan: FineTunePlan) => string[]];

const HERE: JobColumns = [
  ["steps × batch", "memory", "time here"],
  (plan) => [`${plan.steps} × ${batchOf(plan.run.train)}`, peakOf(plan), timeOf(plan)],
];

const ON_AWS: JobColumns = [
  ["GPU job", "hours", "US dollars"],
  (plan) => {
    const option = plan.flight?.best ?? null;
    if (plan.state === "reused") return ["none (reused)", "0", "$0"];
    if (option === null) return ["none", "", ""];
    const { instance, purchase, method, gpu, peakBytes, duration, cost } = option;
    const share = `${gigabytes(peakBytes)} of ${gigabytes(GPUS[gpu].memoryBytes)}`;
    return [
      `${instance} ${purchase}\n${method}, ${plan.steps} × ${batchOf(option)}, ${share}`,
      `${hours(duration.low)} to ${hours(duration.high)}`,
      `${usd(cost.low)} to ${usd(cost.high)}\n${usd(cost.expected)} expected`,
    ];
  },
];

/** What it takes on a rented GPU. */
function flightLines({ name, flight }: FineTunePlan, withOption: boolean): string[] {
  const option = flight?.best ?? null;
  if (flight === null || option === null) return [];
  const { methodReason, assumptions } = flight;
  return [
    ...(withOption ? [`${name}: on a GPU: ${describeOption(option)}`] : []),
    ...(methodReason === null ? [] : [`${name}: train.method auto is ${option.method}: ${methodReason}`]),
    `${name}: assumed: ${assumptions.join("; ")}`,
  ];
}

function rowOf(plan: FineTunePlan, job: string[]): string[] {
  const { method, rank } = plan.run.train;
  const { change, modelId } = plan.serving;
  return [
    `${plan.name}\n${plan.run.base.id} ${method} r${rank}`,
    `${plan.runId}\n${plan.state}`,
    String(plan.rows),
    `≈ ${plan.tokens.toLocaleString("en")}\n× ${plan.run.train.epochs}`,
    ...job,
    change === "none"
      ? "unchanged"
      : `${plan.serving.alias} ${change === "new" ? "new" : "moves"}\n→ ${modelId}`,
  ];
}

const batchOf = ({ microBatch, gradientAccumulation }: Batch): string =>
  gradientAccumulation === 1 ? String(microBatch) : `${microBatch}·${gradientAccumulation}`;

const peakOf = ({ memory }: FineTunePlan): string =>
  memory === null ? "unknown" : gigabytes(memory.peakBytes);

function timeOf(plan: FineTunePlan): string {
  if (plan.state === "reused") return "0 (reused)";
  if (plan.seconds === null) return "unknown";
  const { low, expected, high } = plan.seconds;
  return `${duration(expected)}\n(${duration(low)} to ${duration(high)}, by ${plan.speedSource})`;
}
