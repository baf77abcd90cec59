import Table from "cli-table3";
import { InvalidArgumentError, Option, type Command } from "commander";
import { GPU_IDS, GPUS, isGpuId, type GpuId } from "../core/catalog/gpus.ts";
import { estimate, type Estimate } from "../core/plan/estimate.ts";
import { gigabytes } from "../core/plan/text.ts";
import { LOSSES, type GpuTraining } from "../core/plan/gpu-memory.ts";
import { readCatalog } from "./project.ts";

type Options = Pick<
  GpuTraining,
  "method" | "rank" | "targets" | "maxLength" | "microBatch" | "checkpointing" | "loss" | "dropout"
> & { base: string; stack: string; gpu?: GpuId; json?: true };

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("it must be a whole number above 0");
  return value;
};
const share = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < 1))
    throw new InvalidArgumentError("it must be 0 or more and below 1");
  return value;
};
const gpu = (text: string): string => {
  if (!isGpuId(text)) throw new InvalidArgumentError(`the catalog has ${GPU_IDS.join(", ")}`);
  return text;
};

export function register(program: Command): void {
  program
    .command("estimate")
    .description("memory and speed of a training step on a GPU, without a model file")
    .requiredOption("--base <id>", "base model of the catalog: see `tuneform models list`")
    .addOption(
      new Option("--method <method>", "weights in 4 or 16 bits").choices(["qlora", "lora"]).default("qlora"),
    )
    .option("--rank <n>", "of the adapter", positive, 16)
    .addOption(
      new Option("--targets <which>", "adapted matrices")
        .choices(["all-linear", "attention"])
        .default("all-linear"),
    )
    .option("--max-length <n>", "tokens of a row", positive, 1024)
    .option("--micro-batch <n>", "rows of a forward pass", positive, 1)
    .addOption(
      new Option("--checkpointing <which>", "recompute activations")
        .choices(["none", "full"])
        .default("full"),
    )
    .addOption(new Option("--loss <which>", "how logits are kept").choices(LOSSES).default("naive"))
    .option("--dropout <f>", "of the adapter's inputs", share, 0)
    .option("--gpu <id>", "whose speed to tell; else the smallest it fits on", gpu)
    .option("-s, --stack <name>", "whose catalog file: Pulumi.<name>.yaml", "dev")
    .option("--json", "as JSON: bytes, tokens a second")
    .action(({ base, stack, json, gpu, ...settings }: Options, command: Command) => {
      const catalog = readCatalog(stack);
      const entry = catalog.get(base);
      if (entry === undefined)
        command.error(`error: --base ${base} is not in the catalog: ${[...catalog.keys()].join(", ")}`);
      const train: GpuTraining = {
        ...settings,
        doubleQuant: true,
        lastLayers: null,
        headShare: 1,
        adapterBytes: 16,
      };
      const result = estimate(entry.architecture, train, gpu ?? null);
      console.log(json ? JSON.stringify({ base, ...train, ...result }, null, 2) : describe(base, result));
    });
}

function describe(base: string, result: Estimate): string {
  const { peakBytes, processBytes, breakdown, gpu, tokensPerSecond, fits } = result;
  const table = new Table({
    head: ["part", "memory"],
    colAligns: ["left", "right"],
    style: { head: [], border: [] },
  });
  for (const [part, value] of Object.entries(breakdown)) if (value > 0) table.push([part, gigabytes(value)]);
  table.push(["peak, allocated", gigabytes(peakBytes)]);
  table.push(["the process, which has to fit", gigabytes(processBytes)]);
  const on = GPU_IDS.filter((id) => fits[id]);
  const speed =
    gpu === null || tokensPerSecond === null
      ? "no GPU of the catalog holds it"
      : `${GPUS[gpu].name}: ${round(tokensPerSecond.low)} to ${round(tokensPerSecond.high)} tokens/s, ${round(tokensPerSecond.expected)} expected${fits[gpu] ? "" : ", if it fitted"}`;
  return [`Training ${base}, one GPU`, table.toString(), speed, `fits on: ${on.join(", ") || "none"}`].join(
    "\n",
  );
}

const round = (rate: number): string => Number(rate.toPrecision(2)).toLocaleString("en");
