import { LARGEST_SLOT_RANK, slotRank, UTILISATION, type ServingMemory } from "../plan/serving-memory.ts";
import type { ServerFile } from "../spec/run-file.ts";

/** A LoRA adapter that a server holds from its start. */
export interface ServedAdapter {
  /** Fine-tune that it belongs to, named in errors. */
  fineTune: string;
  /** Immutable name that requests use: `<name>-<run id>`. */
  modelId: string;
  /** Absolute folder as the server sees it. */
  path: string;
  rank: number;
}

export interface VllmInput {
  /** Absolute folder of the base's weights, or of merged weights where vLLM has no LoRA for the base. */
  model: string;
  /** What requests call these weights. */
  servedModelName: string;
  dtype: ServerFile["dtype"];
  /** None for merged weights. */
  adapters: readonly ServedAdapter[];
  /** Of the planner, for the ranks of all `adapters`. */
  memory: Pick<ServingMemory, "maxLoraRank" | "slots" | "maxModelLength">;
  port: number;
}

/**
 * Seconds that requests in flight get after SIGTERM; vLLM's own default of 0 cuts them off. The pod's
 * terminationGracePeriodSeconds has to be longer than this and its preStop together.
 */
export const SHUTDOWN_SECONDS = 45;

/** Names of the linear layers of all families that we train, fused ones too; a base has some of them. */
const LINEAR_LAYERS = [
  ...["q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"],
  ...["gate_proj", "up_proj", "gate_up_proj", "down_proj"],
];

/**
 * Arguments of `vllm serve` for one base and its adapters, checked against vLLM's own parser by the test
 * tier `vllm`. docs/vllm.md says why each is there. Throws RangeError for what vLLM would refuse, or would
 * take for something else: with one bad adapter the server of all fine-tunes does not start.
 */
export function vllmArguments(input: VllmInput): string[] {
  const { model, servedModelName, dtype, adapters, memory, port } = input;
  requireAbsolute(model, `the weights of ${servedModelName}`);
  return [
    model,
    `--served-model-name=${servedModelName}`,
    `--port=${port}`,
    `--dtype=${dtype}`,
    `--max-model-len=${memory.maxModelLength}`,
    `--gpu-memory-utilization=${UTILISATION}`,
    // What the gate judged had nothing of the base's generation_config.json but its stop tokens.
    "--generation-config=vllm",
    "--disable-access-log-for-endpoints=/health,/metrics",
    `--shutdown-timeout=${SHUTDOWN_SECONDS}`,
    ...(adapters.length === 0 ? [] : loraArguments(servedModelName, adapters, memory)),
  ];
}

/** Last in the list: --lora-modules takes all values that follow. */
function loraArguments(
  servedModelName: string,
  adapters: readonly ServedAdapter[],
  memory: VllmInput["memory"],
): string[] {
  adapters.forEach(requireServable);
  requireDistinct([servedModelName, ...adapters.map(({ modelId }) => modelId)]);
  const maxLoraRank = slotRank(adapters.map(({ rank }) => rank));
  if (maxLoraRank > memory.maxLoraRank)
    throw new RangeError(
      `the adapters of ${servedModelName} take slots of rank ${maxLoraRank}, but its memory was planned ` +
        `with rank ${memory.maxLoraRank}; plan it with the ranks of all versions that it serves`,
    );
  return [
    "--enable-lora",
    `--max-lora-rank=${maxLoraRank}`,
    `--max-loras=${memory.slots}`,
    // All stay in host memory: one that is pushed out is read from its folder again, amid requests.
    `--max-cpu-loras=${Math.max(memory.slots, adapters.length)}`,
    // What the planner counts. Without it vLLM also makes slots for the head, and there (0.32) a batch with
    // a request for prompt_logprobs ends the engine, for everybody.
    "--lora-target-modules",
    ...LINEAR_LAYERS,
    "--lora-modules",
    ...adapters.map(({ modelId, path }) => `${modelId}=${path}`),
  ];
}

function requireServable({ fineTune, modelId, path, rank }: ServedAdapter): void {
  if (!Number.isInteger(rank) || rank < 1 || rank > LARGEST_SLOT_RANK)
    throw new RangeError(
      `${fineTune}: vLLM serves adapters of rank 1 to ${LARGEST_SLOT_RANK}, and ${modelId} has ${rank} → ` +
        `set train.rank to ${LARGEST_SLOT_RANK} or less`,
    );
  requireAbsolute(path, `${fineTune}: the adapter ${modelId}`);
  // name=path is one word of the command line; with a comma vLLM reads it as JSON.
  const strange = /[=,]/.test(modelId) ? modelId : path.includes(",") ? path : undefined;
  if (strange !== undefined)
    throw new RangeError(
      `${fineTune}: ${strange} cannot be given to vLLM as name=path → use no comma and no = in it`,
    );
}

/** vLLM asks the hub for a relative path that is not there. */
function requireAbsolute(path: string, what: string): void {
  if (!path.startsWith("/"))
    throw new RangeError(`${what} lies in ${path}, which is relative → give the absolute path in the server`);
}

/** Two of one name would be one to vLLM: requests for the second would be answered by the first. */
function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new RangeError(`two models of one server are called ${twice} → give each a name of its own`);
}

/**
 * Environment of the server's container: no usage statistics, no look-up of models outside, and no routes
 * that load adapters or reach into the engine, whatever the image sets.
 */
export function vllmEnvironment(): Record<string, string> {
  return {
    VLLM_NO_USAGE_STATS: "1",
    DO_NOT_TRACK: "1",
    HF_HUB_OFFLINE: "1",
    VLLM_ALLOW_RUNTIME_LORA_UPDATING: "0",
    VLLM_SERVER_DEV_MODE: "0",
  };
}
