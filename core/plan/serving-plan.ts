import { parameterCount, type Architecture } from "../catalog/architecture.ts";
import { GPUS, type Gpu, type GpuId } from "../catalog/gpus.ts";
import type { Instance } from "../catalog/instances.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { ResolvedBase } from "./resolve.ts";
import { requestBytes, servingMemory, type ServingMemory } from "./serving-memory.ts";
import { bytes, dollars, tokens, type Bytes, type Dollars, type Tokens } from "./units.ts";

/** What a server has to hold of a fine-tune. */
export interface ServedFineTune {
  name: string;
  baseId: string;
  architecture: Architecture;
  /** vLLM has LoRA for the base; else merged weights are served, by a server of their own. */
  vllmLora: boolean;
  rank: number;
  /** Tokens of prompt and answer that have to fit. */
  maxLength: Tokens;
  /** Tokens of a usual request: prompt and answer. */
  requestTokens: Tokens;
  answerTokens: Tokens;
  requestsPerDay: number | null;
}

export interface GpuServer {
  baseId: string;
  fineTunes: string[];
  /** Adapters beside the base's weights, or weights with the adapter in them. */
  kind: "adapters" | "merged";
  instance: string;
  gpu: GpuId;
  /** Copies of the server that the expected requests need. */
  replicas: number;
  usdPerMonth: Dollars;
  memory: ServingMemory;
  /** Requests at a time in the busiest hour, of all its fine-tunes; null where none says how many come. */
  expectedConcurrency: number | null;
  /** Usual requests at a time that one copy's cache holds. */
  possibleConcurrency: number;
  /** One more fine-tune like its largest: memory, and dollars a month where a larger or another server follows. */
  oneMore: { bytes: Bytes; usdPerMonth: Dollars };
}

/** What serving all fine-tunes of a stack takes. */
export interface ServingPlan {
  servers: GpuServer[];
  /** Fine-tunes that no instance serves, and why. */
  unserved: { name: string; reason: string }[];
  usdPerMonth: Dollars;
}

const HOURS_PER_MONTH = 730;
/** Share of a day's requests that come in its busiest hour: our assumption. */
const BUSIEST_HOUR = 0.1;
/** vLLM's --max-num-seqs on a GPU below 70 GiB. */
const MOST_SEQUENCES = 256;
/** Of the peak that reading prompts reaches, and of the bandwidth that generating does: unverified. */
const PROMPT_SHARE = 0.36;
const DECODE_SHARE = 0.6;
/** Enabling LoRA cost 34 % of the throughput in vLLM's pull request 11267, however many adapters. */
const LORA_SHARE = 0.66;
/** Of a copy's time that requests may fill, so that they do not queue: our assumption. */
const BUSY_SHARE = 0.7;

/** Null where the base's architecture is unknown. */
export function servedFineTune(
  spec: FineTuneSpec,
  { base, architecture, entry }: ResolvedBase,
  maxLength: number,
  rowTokens: number,
  answerTokens: number,
): ServedFineTune | null {
  if (architecture === null) return null;
  return {
    name: spec.name,
    baseId: base.id,
    architecture,
    vllmLora: entry?.vllmLora ?? true,
    rank: spec.train.rank,
    maxLength: tokens(maxLength),
    requestTokens: tokens(Math.max(1, Math.round(rowTokens))),
    answerTokens: tokens(Math.min(answerTokens, maxLength)),
    requestsPerDay: spec.economics.requestsPerDay,
  };
}

/**
 * The fewest servers that hold all fine-tunes of each base, and the cheapest instances for these. `fits`: whether
 * an instance's main memory is enough for a server of a base.
 */
export function servingPlan(
  fineTunes: readonly ServedFineTune[],
  instances: readonly Instance[],
  fits: (instance: Instance, base: Architecture) => boolean = () => true,
): ServingPlan {
  const groups = new Map<string, ServedFineTune[]>();
  for (const fineTune of fineTunes) {
    const key = fineTune.vllmLora ? fineTune.baseId : `${fineTune.baseId} ${fineTune.name}`;
    groups.set(key, [...(groups.get(key) ?? []), fineTune]);
  }
  const packed = [...groups.values()].map((group) => {
    const offers = offersOf(instances.filter((each) => group.every((of) => fits(each, of.architecture))));
    const { servers, unserved } = pack(group, offers);
    return { servers: servers.map((server) => withOneMore(server, offers)), unserved };
  });
  const servers = packed.flatMap((group) => group.servers);
  return {
    servers,
    unserved: packed.flatMap(({ unserved }) => unserved),
    usdPerMonth: dollars(servers.reduce((sum, { usdPerMonth }) => sum + usdPerMonth, 0)),
  };
}

interface Offer {
  instance: string;
  gpu: GpuId;
  usdPerHour: number;
}

/** The cheapest instance of each GPU, on demand: a server has to be there, and takes one GPU. */
function offersOf(instances: readonly Instance[]): Offer[] {
  const cheapest = new Map<GpuId, Offer>();
  for (const { type, gpu, usdPerHour, stockAmi } of instances) {
    if (usdPerHour === null || !stockAmi || !GPUS[gpu].bf16) continue;
    if (usdPerHour < (cheapest.get(gpu)?.usdPerHour ?? Infinity))
      cheapest.set(gpu, { instance: type, gpu, usdPerHour });
  }
  return [...cheapest.values()].sort((a, b) => a.usdPerHour - b.usdPerHour);
}

type Placed = Omit<GpuServer, "oneMore" | "fineTunes"> & { fineTunes: readonly ServedFineTune[] };

/**
 * Largest ranks first, each server filled with as many as any GPU holds: all slots of a server are as large
 * as its largest rank, so equal ranks belong together.
 */
function pack(
  fineTunes: readonly ServedFineTune[],
  offers: readonly Offer[],
): { servers: Placed[]; unserved: ServingPlan["unserved"] } {
  const servers: Placed[] = [];
  const unserved: ServingPlan["unserved"] = [];
  let rest = [...fineTunes].sort((a, b) => b.rank - a.rank);
  while (rest.length > 0) {
    const server = fullest(rest, offers);
    if (server === null) {
      const [first] = rest.splice(0, 1);
      if (first !== undefined)
        unserved.push({
          name: first.name,
          reason: `no GPU holds ${first.baseId} and ${first.maxLength} tokens`,
        });
    } else {
      servers.push(server);
      rest = rest.slice(server.fineTunes.length);
    }
  }
  return { servers, unserved };
}

/** A server of the first fine-tunes, as many as fit; null where not even one does. */
function fullest(fineTunes: readonly ServedFineTune[], offers: readonly Offer[]): Placed | null {
  // What fits grows with fewer fine-tunes: halve the range of what does.
  let [fitting, tooMany] = [0, fineTunes.length + 1];
  let best: Placed | null = null;
  for (let count = fineTunes.length; fitting + 1 < tooMany; count = Math.floor((fitting + tooMany) / 2)) {
    const server = cheapestServer(fineTunes.slice(0, count), offers);
    if (server === null) tooMany = count;
    else [fitting, best] = [count, server];
  }
  return best;
}

function cheapestServer(fineTunes: readonly ServedFineTune[], offers: readonly Offer[]): Placed | null {
  const placed = offers.flatMap((offer) => place(fineTunes, offer));
  if (placed.length === 0) return null;
  return placed.reduce((best, server) => (server.usdPerMonth < best.usdPerMonth ? server : best));
}

function place(fineTunes: readonly ServedFineTune[], { instance, gpu, usdPerHour }: Offer): Placed[] {
  const [first] = fineTunes;
  if (first === undefined) return [];
  const { architecture, vllmLora, baseId } = first;
  const context = Math.max(...fineTunes.map(({ maxLength }) => maxLength));
  const ranks = vllmLora ? fineTunes.map(({ rank }) => rank) : [];
  const memory = servingMemory(architecture, GPUS[gpu], ranks, { context, embeddingSlots: false });
  if (memory === null || memory.maxModelLength < context) return [];
  const load = loadOf(architecture, fineTunes, GPUS[gpu], memory);
  return [
    {
      baseId,
      fineTunes,
      kind: vllmLora ? "adapters" : "merged",
      instance,
      gpu,
      replicas: load.replicas,
      usdPerMonth: dollars(load.replicas * usdPerHour * HOURS_PER_MONTH),
      memory,
      expectedConcurrency: load.expected,
      possibleConcurrency: load.possible,
    },
  ];
}

/**
 * Requests at a time by Little's law, arrivals a second × seconds of a request, in the busiest hour. A token
 * is generated in the time of reading all weights once; prompts are arithmetic.
 */
function loadOf(
  architecture: Architecture,
  fineTunes: readonly ServedFineTune[],
  gpu: Gpu,
  memory: ServingMemory,
): { expected: number | null; possible: number; replicas: number } {
  const usual = Math.max(...fineTunes.map(({ requestTokens }) => requestTokens));
  const cached =
    memory.breakdown.keyValues / requestBytes(architecture, Math.min(usual, memory.maxModelLength));
  const possible = Math.min(MOST_SEQUENCES, cached);
  const known = fineTunes.filter(({ requestsPerDay }) => requestsPerDay !== null);
  if (known.length === 0) return { expected: null, possible, replicas: 1 };
  let [expected, computing] = [0, 0];
  const parameters = parameterCount(architecture);
  for (const { requestTokens, answerTokens, requestsPerDay, vllmLora } of known) {
    const lora = vllmLora ? LORA_SHARE : 1;
    const arrivals = ((requestsPerDay ?? 0) * BUSIEST_HOUR) / 3600;
    const arithmetic = (requestTokens * 2 * parameters) / (gpu.flopsPerSecond * PROMPT_SHARE * lora);
    const generating = (answerTokens * 2 * parameters) / (gpu.bandwidth * DECODE_SHARE * lora);
    expected += arrivals * (arithmetic + generating);
    computing += arrivals * arithmetic;
  }
  const replicas = Math.max(1, Math.ceil(expected / possible), Math.ceil(computing / BUSY_SHARE));
  return { expected, possible, replicas };
}

/** What the dollars become with one more fine-tune like the server's largest. */
function withOneMore({ fineTunes, ...server }: Placed, offers: readonly Offer[]): GpuServer {
  const [largest] = fineTunes;
  const names = fineTunes.map(({ name }) => name).sort();
  if (largest === undefined) throw new Error("a server without fine-tunes");
  const another = { ...largest, requestsPerDay: null };
  const more = server.kind === "merged" ? pack([another], offers) : pack([...fineTunes, another], offers);
  const total = more.servers.reduce((sum, { usdPerMonth }) => sum + usdPerMonth, 0);
  const slotOrWeights =
    server.kind === "merged" ? server.memory.breakdown.weights : server.memory.oneMoreBytes;
  return {
    ...server,
    fineTunes: names,
    oneMore: {
      bytes: bytes(slotOrWeights),
      usdPerMonth: dollars(server.kind === "merged" ? total : Math.max(0, total - server.usdPerMonth)),
    },
  };
}
