import type { V1ConfigMap, V1Job } from "@kubernetes/client-node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Manifest } from "../../core/kubernetes/manifest.ts";
import { PREDICTION } from "../../core/kubernetes/names.ts";
import { bytes } from "../../core/plan/units.ts";
import { START_SECONDS } from "../../core/plan/time.ts";
import { trainingsOf, type Trainings } from "../../core/plan/trainings.ts";
import { finishedRuns } from "../../loading/cluster.ts";
import { NOTHING_KNOWN } from "../../loading/place.ts";
import { CPU_ONLY, exampleManifests, exampleStack, ofKind } from "./kubernetes-example.ts";

const DEVICES = { l4: "NVIDIA L4", cpu: "cpu" } as const;

/** What a cluster holds after the example's Job: `speed` and `memory` in multiples of what was planned. */
function afterwards(settings: object, device: string, speed: number, memory: number) {
  const plan = exampleStack(settings);
  const [fineTune] = plan.fineTunes;
  const { prediction, runId } = fineTune!;
  const manifests = exampleManifests(plan);
  const measured = {
    schemaVersion: 1,
    tokensPerSecond: prediction!.tokensPerSecond * speed,
    peakBytes: prediction!.peakBytes * memory,
    seconds: 61.5,
    device,
  };
  const maps = ofKind<Manifest & V1ConfigMap>(manifests, "ConfigMap").map((map) =>
    map.metadata.name === "verdict-triage"
      ? {
          ...map,
          data: { runId, at: "2026-11-30T09:00:00Z", "training.json": JSON.stringify(measured) },
        }
      : map,
  ) as unknown as V1ConfigMap[];
  const jobs = ofKind(manifests, "Job") as unknown as V1Job[];
  return { plan, maps, jobs, trainings: trainingsOf(finishedRuns(maps, jobs)), runId };
}

const planKnowing = (settings: object, trainings: Trainings) =>
  exampleStack(settings, undefined, undefined, undefined, undefined, { ...NOTHING_KNOWN, trainings });

describe("what a Job measured", () => {
  it("is read from the verdict's ConfigMap, and what was planned of it from the Job", () => {
    const { trainings, runId, plan } = afterwards({}, DEVICES.l4, 0.5, 1.1);
    const { prediction } = plan.fineTunes[0]!;
    const { planned, measured } = trainings.accuracyOf(runId)!;
    expect(planned.tokensPerSecond).toBe(prediction!.tokensPerSecond);
    expect(measured).toMatchObject({ tokensPerSecond: prediction!.tokensPerSecond / 2, seconds: 61.5 });
    expect(trainings.measuredOn("smollm2-360m", "l4")!.peakRatio).toBeCloseTo(1.1);
    expect(trainings.measuredOn("smollm2-360m", "a100-80gb")).toBeNull();
    expect(trainings.measuredOn("llama-3.1-8b", "l4")).toBeNull();
  });

  it("of a Job that an earlier version declared says nothing of memory, and its speed counts", () => {
    const { maps, jobs, runId } = afterwards(CPU_ONLY, DEVICES.cpu, 0.5, 1);
    for (const { metadata } of jobs) delete metadata!.annotations![PREDICTION];
    const { accuracyOf, lastOf } = trainingsOf(finishedRuns(maps, jobs));
    expect(accuracyOf(runId)).toBeNull();
    expect(lastOf("smollm2-135m")!.speed.source).toBe("last run");
  });

  it("on a CPU that was taken for a GPU is told, and corrects nothing", () => {
    const { trainings, runId } = afterwards({}, DEVICES.cpu, 0.01, 1);
    expect(trainings.accuracyOf(runId)).not.toBeNull();
    expect(trainings.measuredOn("smollm2-135m", "l4")).toBeNull();
    expect(trainings.lastOf("smollm2-135m")).toBeNull();
  });
});

describe.each([
  ["GPUs", {}, DEVICES.l4],
  ["CPUs", CPU_ONLY, DEVICES.cpu],
])("the next plan of a cluster with %s", (_, settings, device) => {
  const before = exampleStack(settings);
  const next = (speed: number, memory: number) => {
    const { trainings } = afterwards(settings, device, speed, memory);
    return planKnowing(settings, trainings);
  };

  it("tells time and memory as they were measured", () => {
    const [fineTune] = next(0.5, 1.25).fineTunes;
    const [planned] = before.fineTunes;
    expect(fineTune!.speedSource).toBe("last run");
    const working = (plan: typeof planned) => plan!.seconds!.expected - START_SECONDS;
    expect(working(fineTune)).toBeGreaterThan(1.4 * working(planned));
    expect(fineTune!.memory!.peakBytes / planned!.memory!.peakBytes).toBeCloseTo(1.25);
  });

  it("declares the same objects, whatever was measured: nothing that did not change is touched", () => {
    const factor = fc.double({ min: 0.05, max: 5, noNaN: true });
    fc.assert(
      fc.property(factor, factor, (speed, memory) => {
        expect(exampleManifests(next(speed, memory))).toEqual(exampleManifests(before));
      }),
      { numRuns: 25 },
    );
  });
});

it("warns where what was measured does not fit the GPU, and does not refuse it", () => {
  const { trainings } = afterwards({}, DEVICES.l4, 1, 40);
  const plan = planKnowing({}, trainings);
  const [fineTune] = plan.fineTunes;
  expect(fineTune!.memory!.peakBytes).toBeGreaterThan(bytes(24e9));
  expect(fineTune!.advice.map(({ text }) => text).join("\n")).toMatch(
    /by what earlier runs on .*L4.* took, this one takes .* GB of 24\.0 GB: a smaller train\.effectiveBatch/,
  );
});
