import path from "node:path";
import { GPUS } from "../core/catalog/gpus.ts";
import { exampleImages } from "../core/kubernetes/images.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import type { ServerPlan } from "../core/plan/servers.ts";
import { USABLE_SHARE } from "../core/plan/shapes.ts";
import { gigabytes } from "../core/plan/text.ts";
import type { KubernetesSettings } from "../core/spec/kubernetes.ts";
import type { Problem } from "../core/spec/problems.ts";
import { objectsOf } from "./aws.ts";
import { MOST_DATA_BYTES, storedBytes } from "./data-parts.ts";
import { budgetProblems, timeProblems, type Planned } from "./limits.ts";
import { modelProblem } from "./model-files.ts";

/** Settings of model files that the cluster has no engine, GPU or image for, or no way out. */
export function settingProblems(
  planned: readonly Planned[],
  settings: KubernetesSettings,
  stackFile: string,
): Problem[] {
  const served = planned.filter(({ plan }) => plan.engine === "vllm");
  const names = served.map(({ plan }) => plan.name);
  const lacksImage = names.length > 0 && settings.serverImage === null && settings.gpu !== null;
  return [
    ...served.flatMap((each) => vllmProblems(each, settings, stackFile)),
    ...planned.flatMap(({ model }) => reportProblems(model)),
    ...(lacksImage
      ? [
          {
            file: stackFile,
            path: "tuneform:kubernetes.serverImage",
            message: `is missing, and ${names.join(", ")} ${names.length === 1 ? "is" : "are"} served by vLLM`,
            hint: "vLLM's image with its digest, or engine: cpu",
          },
        ]
      : []),
  ];
}

function vllmProblems({ model }: Planned, { gpu }: KubernetesSettings, stackFile: string): Problem[] {
  if (gpu !== null) return [];
  return [
    modelProblem(
      model,
      "serve.engine",
      "vllm needs a GPU, and the stack has none",
      `set gpu in ${stackFile}, or serve.engine: cpu`,
    ),
  ];
}

/** Pods that train reach nothing outside the cluster. */
function reportProblems(model: Planned["model"]): Problem[] {
  const { reportTo } = model.spec.train;
  if (reportTo === "none") return [];
  return [
    modelProblem(
      model,
      "train.reportTo",
      `is ${reportTo}, but pods that train reach nothing outside the cluster`,
      "none; metrics.jsonl in the run's folder has the same numbers",
    ),
  ];
}

/**
 * Limits on hours and dollars, both hard. The dollars are those of instances with the declared GPU; nodes
 * without one have no price here.
 */
export function clusterLimitProblems(planned: readonly Planned[], { gpu }: KubernetesSettings): Problem[] {
  return planned.flatMap((each) => {
    const isPriced = gpu !== null && (each.plan.flight?.excess ?? null) !== null;
    return isPriced ? budgetProblems([each]) : timeProblems([each]);
  });
}

/** Data that does not fit into Secrets. */
export function dataSizeProblems(planned: readonly Planned[]): Problem[] {
  return planned.flatMap(({ model, files }) =>
    Object.entries(files).flatMap(([sha256, file]) => {
      if (sha256 in objectsOf(model)) return [];
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

/** Trainings and servers that their GPU has too little memory for. */
export function gpuProblems(planned: readonly Planned[], servers: readonly ServerPlan[]): Problem[] {
  return planned.flatMap((each) => {
    const server = servers.find(({ key }) => key === each.plan.serving.server);
    return [...trainingProblems(each), ...(server === undefined ? [] : servingProblems(each, server))];
  });
}

function trainingProblems({ model, plan }: Planned): Problem[] {
  const { gpu, memory, prediction, state, run } = plan;
  // What fits has a prediction; what earlier runs make of its memory is told, and does not refuse it.
  if (gpu === null || memory === null || prediction !== null || state === "reused") return [];
  const usable = GPUS[gpu].memoryBytes * USABLE_SHARE;
  return [
    modelProblem(
      model,
      "base",
      `too little GPU memory: training ${run.base.id} takes at least ${gigabytes(memory.peakBytes)}, and one ${GPUS[gpu].name} has ${gigabytes(usable)} to use`,
      `${run.train.method === "lora" ? "train.method: qlora, " : ""}a shorter train.maxLength, a smaller base or rank, or a larger GPU`,
    ),
  ];
}

function servingProblems({ model, plan }: Planned, { gpu, gpuMemory, server }: ServerPlan): Problem[] {
  const { engine, served, run } = plan;
  if (engine !== "vllm" || served === null) return [];
  const one = gpu === null ? "any GPU that the stack may take" : `one ${GPUS[gpu].name}`;
  if (gpuMemory === null)
    return [
      modelProblem(
        model,
        "base",
        `too little GPU memory: vLLM leaves no room for requests to ${run.base.id} on ${one}`,
        "a smaller base or rank, a larger GPU, or serve.engine: cpu",
      ),
    ];
  if (run.serve.maxLength <= server.maxLength) return [];
  return [
    modelProblem(
      model,
      "serve.maxLength",
      `is ${run.serve.maxLength}, but ${server.maxLength} tokens of ${run.base.id} fit into the memory of ${one}`,
      `set serve.maxLength to at most ${server.maxLength}, or take a larger GPU`,
    ),
  ];
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** The digests of the example stacks are in no registry: their pods would wait for ever. */
export function exampleImageProblems(plan: StackPlan, stackFile: string): Problem[] {
  return exampleImages(plan).map(({ key, image }) => ({
    file: stackFile,
    path: key,
    message: `${image} is an example`,
    hint: "build and push the image, then name it with its digest: docs/kubernetes.md",
  }));
}
