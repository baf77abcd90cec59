import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { jobFailure, waitingReason } from "../../components/kubernetes/pod-report.ts";
import { verdictIn } from "../../components/kubernetes/verdict.ts";

const failed = (reason: string, message: string): V1Job => ({
  status: { conditions: [{ type: "Failed", status: "True", reason, message }] },
});

const pod = (created: string, status: V1Pod["status"]): V1Pod => ({
  metadata: { creationTimestamp: new Date(created) },
  ...(status === undefined ? {} : { status }),
});

const ended = (name: string, exitCode: number, message: string, reason = "Error") => ({
  name,
  image: "",
  imageID: "",
  ready: false,
  restartCount: 0,
  state: { terminated: { exitCode, message, reason } },
});

describe("why a Job failed", () => {
  it("names the stage, what its exit code means, and the trainer's own last lines of the newest pod", () => {
    const { exitCode, message } = jobFailure(failed("BackoffLimitExceeded", "Job has reached the limit"), [
      pod("2026-01-01", { initContainerStatuses: [ended("train", 137, "old")] }),
      pod("2026-01-02", {
        initContainerStatuses: [
          ended("stage", 0, ""),
          ended("prepare", 3, "error: no rows\n  - row-1: empty answer\n"),
        ],
      }),
    ]);
    expect(exitCode).toBe(3);
    expect(message).toBe(
      "stage prepare ended with exit code 3: the data firewall found errors " +
        "(Job BackoffLimitExceeded: Job has reached the limit)\n  error: no rows\n    - row-1: empty answer",
    );
  });

  it("tells a memory limit from other kills", () => {
    const { message } = jobFailure(failed("PodFailurePolicy", "x"), [
      pod("2026-01-01", { initContainerStatuses: [ended("train", 137, "", "OOMKilled")] }),
    ]);
    expect(message).toContain("exit code 137: out of memory: its limit was reached");
  });

  it("says what the pod waited for where no stage ever ran", () => {
    const waiting = pod("2026-01-01", {
      conditions: [
        {
          type: "PodScheduled",
          status: "False",
          message: "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
        },
      ],
    });
    const { exitCode, message } = jobFailure(failed("DeadlineExceeded", "Job was active too long"), [
      waiting,
    ]);
    expect(exitCode).toBeNull();
    expect(message).toMatch(/no stage ran \(Job DeadlineExceeded.*Insufficient nvidia.com\/gpu/);
  });
});

describe("why a pod does not run yet", () => {
  const waits = (reason: string, message?: string) =>
    pod("2026-01-01", {
      containerStatuses: [
        {
          name: "train",
          image: "",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
        },
      ],
    });

  it("is the kubelet's word for an image that cannot be pulled", () => {
    expect(waitingReason(waits("ErrImagePull", "not found"))).toBe("train waits: ErrImagePull: not found");
  });

  it("is nothing while it is being made", () => {
    expect(waitingReason(waits("ContainerCreating"))).toBeNull();
    expect(waitingReason(waits("PodInitializing"))).toBeNull();
  });
});

describe("a verdict ConfigMap", () => {
  it("holds none until `publish` has written it", () => {
    expect(verdictIn(null)).toBeNull();
    expect(verdictIn({ data: {} })).toBeNull();
  });
});
