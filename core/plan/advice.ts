import type { BaseModel } from "../catalog/base-models.ts";
import { GPUS, type GpuId } from "../catalog/gpus.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { FlightPlan } from "./flight.ts";
import type { MemoryPlan } from "./memory.ts";
import { gigabytes, hours, usd } from "./text.ts";
import type { Duration } from "./time.ts";
import { HOUR } from "./units.ts";

/** When fine-tuning may be the wrong answer, or a setting will surprise. */
export interface Advice {
  /** `use an API model`: the arithmetic or the task speaks against a fine-tune. */
  level: "note" | "warning" | "use an API model";
  /** With its numbers. */
  text: string;
}

export interface Circumstances {
  rows: number;
  testRows: number;
  longestRowTokens: number;
  /** Mean of prompt and answer. */
  rowTokens: number;
  serveLength: number;
  seconds: Duration | null;
  /** That trains it; null: a CPU. */
  gpu: GpuId | null;
  /** As earlier runs there correct it. */
  memory: MemoryPlan | null;
  entry: BaseModel | null;
  /** Weights come from the hub. */
  isDownloaded: boolean;
  flight: FlightPlan | null;
}

type Rule = (spec: FineTuneSpec, facts: Circumstances) => Advice[];

/** All rules, in the order in which they are told. */
export const adviceFor = (spec: FineTuneSpec, facts: Circumstances): Advice[] =>
  RULES.flatMap((rule) => rule(spec, facts));

const note = (text: string): Advice[] => [{ level: "note", text }];
const warning = (text: string): Advice[] => [{ level: "warning", text }];
const useApi = (text: string): Advice[] => [{ level: "use an API model", text }];

const amountOfData: Rule = (_spec, { rows, testRows }) => [
  ...(rows < 200
    ? warning(`${rows} rows: below 200 clean examples a prompt to a larger model usually does better`)
    : rows < 500
      ? note(`${rows} rows: 500 to 2,000 are the range in which a fine-tune usually pays`)
      : rows > 2000
        ? note(
            `${rows} rows: more than the 500 to 2,000 that usually suffice; data.maxRows: 2000 tells what the others add`,
          )
        : []),
  ...(testRows > 0 && testRows < 100
    ? warning(`${testRows} test rows: the gate can only see large gains; 100 or more decide better`)
    : []),
];

const taskFits: Rule = ({ economics: { scope } }) => {
  if (scope === "broad-knowledge")
    return useApi(
      "economics.scope is broad-knowledge: a small model does not hold it, and training adds little",
    );
  if (scope === "open-ended")
    return useApi(
      "economics.scope is open-ended: no test row decides what is good, and a large model writes better",
    );
  return [];
};

const lengthFits: Rule = (_spec, { longestRowTokens, serveLength }) =>
  longestRowTokens > serveLength
    ? warning(
        `rows have up to about ${longestRowTokens} tokens, but the server takes ${serveLength}: see serve.maxLength`,
      )
    : [];

const timeFits: Rule = ({ compute: { maxHours } }, { seconds }) =>
  maxHours !== null && seconds !== null && seconds.high > maxHours * 3600
    ? warning(`here it may take longer than compute.maxHours: ${maxHours}`)
    : [];

/** By formulas it fits, or it would have been refused. */
const memoryFits: Rule = ({ train }, { gpu, memory }) => {
  if (gpu === null || memory === null || memory.peakBytes <= GPUS[gpu].memoryBytes) return [];
  return warning(
    `by what earlier runs on ${GPUS[gpu].name} took, this one takes ${gigabytes(memory.peakBytes)} of ` +
      `${gigabytes(GPUS[gpu].memoryBytes)}: a smaller train.effectiveBatch (${train.effectiveBatch} now) or a ` +
      `shorter train.maxLength takes less`,
  );
};

/** An error where GPUs are rented (loading/limits.ts). A plan within the limits may still end beyond them. */
const limitsFit: Rule = ({ compute: { maxUsd, maxHours } }, { flight }) => {
  if (flight === null) return [];
  const { best, excess } = flight;
  if (excess !== null) return warning(`on a GPU: ${excess.field} ${excess.message}; ${excess.hint}`);
  if (best === null) return [];
  return [
    ...(maxUsd !== null && best.cost.high > maxUsd
      ? warning(`on a GPU it may cost up to ${usd(best.cost.high)}, more than compute.maxUsd: ${maxUsd}`)
      : []),
    ...(maxHours !== null && best.duration.high > maxHours * HOUR
      ? warning(
          `on a GPU it may take up to ${hours(best.duration.high)} h, more than compute.maxHours: ${maxHours}`,
        )
      : []),
  ];
};

const licenceFits: Rule = ({ economics }, { entry, isDownloaded }) => {
  if (entry === null) return [];
  return [
    ...(entry.gated && isDownloaded
      ? note(`${entry.hubId} is gated: its licence has to be accepted on the hub, and a token is needed`)
      : []),
    ...(economics.commercial && entry.licence === null
      ? warning(`nobody has said what licence ${entry.hubId} has: see its model card`)
      : []),
    ...(economics.commercial && entry.licenceLimits !== undefined
      ? warning(`licence ${entry.licence}: ${entry.licenceLimits}`)
      : []),
  ];
};

const DAYS_PER_MONTH = 30;
const RETRAININGS_PER_MONTH = { rarely: 0, monthly: 1, weekly: 52 / 12, daily: DAYS_PER_MONTH } as const;

/** Server and retraining a month against an API at its price for the same tokens. */
const breakEven: Rule = ({ economics }, { flight, rowTokens }) => {
  const { requestsPerDay, apiUsdPerMillionTokens, dataChanges } = economics;
  const perRun = flight?.best?.cost.expected ?? flight?.beyondLimits?.cost.expected ?? null;
  const server = flight?.serving ?? null;
  if (perRun === null || server === null) return [];
  const retraining = RETRAININGS_PER_MONTH[dataChanges] * perRun;
  const own = server.usdPerMonth + retraining;
  const costs = `a server of its own on ${server.instance} ${usd(server.usdPerMonth)} and retraining ${usd(retraining)} a month`;
  if (apiUsdPerMillionTokens === null)
    return dataChanges === "daily" || dataChanges === "weekly"
      ? warning(`data that changes ${dataChanges}: ${costs}; retrieval or a prompt may do without`)
      : [];
  const usdPerRequest = (rowTokens * apiUsdPerMillionTokens) / 1e6;
  const evenPerDay = Math.ceil(own / (usdPerRequest * DAYS_PER_MONTH));
  const arithmetic = `${costs}; an API at ${usd(apiUsdPerMillionTokens)} a million tokens costs as much at ${evenPerDay.toLocaleString("en")} requests a day of ${Math.round(rowTokens)} tokens`;
  if (requestsPerDay === null) return note(arithmetic);
  return requestsPerDay < evenPerDay
    ? useApi(`${arithmetic}; economics.requestsPerDay is ${requestsPerDay.toLocaleString("en")}`)
    : note(`${arithmetic}; at ${requestsPerDay.toLocaleString("en")} the fine-tune is cheaper`);
};

const RULES: readonly Rule[] = [
  amountOfData,
  taskFits,
  lengthFits,
  timeFits,
  memoryFits,
  limitsFit,
  licenceFits,
  breakEven,
];
