import path from "node:path";
import { GPUS } from "../core/catalog/gpus.ts";
import type { ServedFineTune } from "../core/plan/cluster-servers.ts";
import { gigabytes } from "../core/plan/describe.ts";
import { USABLE_SHARE } from "../core/plan/job-options.ts";
import type { ServerPlan } from "../core/plan/plan.ts";
import type { KubernetesSettings } from "../core/spec/kubernetes.ts";
import type { Problem } from "../core/spec/problems.ts";
import { MOST_DATA_BYTES, storedBytes } from "./data-parts.ts";
import type { Planned } from "./limits.ts";
import { modelProblem } from "./model-files.ts";

/** A planned fine-tune of a cluster. */
export type ClusterPlanned = Planned & ServedFineTune;

/** Settings of model files that the cluster has no engine, GPU or image for. */
export function engineProblems(
  planned: readonly ClusterPlanned[],
  settings: KubernetesSettings,
  stackFile: string,
): Problem[] {
  const served = planned.filter(({ engine }) => engine === "vllm");
  const problems = served.flatMap(({ model, base }): Problem[] => {
    if (settings.gpu === null)
      return [
        modelProblem(
          model,
          "serve.engine",
          "vllm needs a GPU, and the stack has none",
          `set gpu in ${stackFile}, or serve.engine: cpu`,
        ),
      ];
    if (base.entry?.vllmLora === false)
      return [
        modelProblem(
          model,
          "serve.engine",
          `vLLM has no LoRA for ${base.base.id}, and merged weights are not served yet`,
          "serve.engine: cpu, or another base",
        ),
      ];
    return [];
  });
  if (served.length === 0 || settings.serverImage !== null || settings.gpu === null) return problems;
  const names = served.map(({ plan }) => plan.name).join(", ");
  return [
    ...problems,
    {
      file: stackFile,
      path: "tuneform:kubernetes.serverImage",
      message: `is missing, and ${names} ${served.length === 1 ? "is" : "are"} served by vLLM`,
      hint: "vLLM's image with its digest, or engine: cpu",
    },
  ];
}

/** Data that does not fit into Secrets. */
export function dataSizeProblems(planned: readonly ClusterPlanned[]): Problem[] {
  return planned.flatMap(({ model, files }) =>
    Object.values(files).flatMap((file) => {
      const stored = storedBytes(file);
      if (stored <= MOST_DATA_BYTES) return [];
      return [
        modelProblem(
          model,
          "data.source",
          `${path.basename(file)} has ${megabytes(stored)} compressed; Secrets take up to ${megabytes(MOST_DATA_BYTES)} of a file`,
          "divide it into several sources, put it into a bucket or an existing claim, or set data.maxRows",
        ),
      ];
    }),
  );
}

/** Trainings and servers that the declared GPU has too little memory for. */
export function gpuProblems(
  planned: readonly ClusterPlanned[],
  servers: readonly ServerPlan[],
  { gpu }: KubernetesSettings,
): Problem[] {
  if (gpu === null) return [];
  const { name, memoryBytes } = GPUS[gpu];
  const usable = memoryBytes * USABLE_SHARE;
  const has = `one ${name} has ${gigabytes(usable)} to use`;
  return planned.flatMap(({ model, plan, base, engine }) => {
    const id = plan.run.base.id;
    const server = servers.find(({ key }) => key === plan.serving.server);
    const isServed = engine === "cpu" || base.architecture === null || server?.gpuMemory != null;
    const length = server?.server.maxLength ?? 0;
    return [
      ...(plan.memory !== null && plan.state !== "reused" && plan.memory.peakBytes > usable
        ? [
            modelProblem(
              model,
              "base",
              `too little GPU memory: training ${id} takes at least ${gigabytes(plan.memory.peakBytes)}, and ${has}`,
              `${plan.run.train.method === "lora" ? "train.method: qlora, " : ""}a shorter train.maxLength, a smaller base or rank, or a larger GPU`,
            ),
          ]
        : []),
      ...(isServed
        ? []
        : [
            modelProblem(
              model,
              "base",
              `too little GPU memory: vLLM leaves no room for requests to ${id} on one ${name}`,
              "a smaller base or rank, a larger GPU, or serve.engine: cpu",
            ),
          ]),
      ...(isServed && engine === "vllm" && plan.run.serve.maxLength > length
        ? [
            modelProblem(
              model,
              "serve.maxLength",
              `is ${plan.run.serve.maxLength}, but ${length} tokens of ${id} fit into the memory of one ${name}`,
              `set serve.maxLength to at most ${length}, or take a larger GPU`,
            ),
          ]
        : []),
    ];
  });
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
