import fs from "node:fs";
import path from "node:path";
import type { V1Job, V1PersistentVolumeClaim, V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rows, writeModel } from "../engine/fixtures.ts";
import { tierRuns } from "../engine/tier.ts";
import { ClusterProject, waitUntil } from "./cluster-project.ts";
import { missingForCluster, startCluster, type TestCluster } from "./equipment.ts";

const runs = tierRuns("cluster", missingForCluster());

/** The golden manifests of an example stack, in the order in which they can be applied. */
const golden = (name: string): string[] => {
  const folder = path.resolve(import.meta.dirname, "..", "golden", "kubernetes", name);
  const files = fs.readdirSync(folder).filter((file) => file.endsWith(".yaml"));
  return files.sort().map((file) => path.join(folder, file));
};

describe.runIf(runs)("the same spec on a real Kubernetes", () => {
  let cluster: TestCluster;
  let stack: ClusterProject;
  const WITH_GPU = { gpu: "l4", nodeSelector: { "nvidia.com/gpu.present": "true" } };

  beforeAll(async () => {
    cluster = await startCluster(console.log);
    stack = new ClusterProject(cluster, `tuneform-test-${process.pid}`);
    stack.writeStack(WITH_GPU);
    await writeModel(stack.project, "triage");
    await writeModel(stack.project, "second", { train: { seed: 7 } });
    stack.project.write("data/triage.jsonl", rows(200));
    stack.project.write("data/second.jsonl", rows(220));
    await stack.startClient();
  }, 45 * 60_000); // a machine that has neither the cluster's programs nor the image makes them first
  afterAll(() => stack.remove());

  it("trains, judges and serves two fine-tunes of one base", async () => {
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toMatch(/triage train: \d+\/\d+ · loss/);
    expect(result.all).toMatch(
      /pods that train may reach every address on port 443 and 6443; .*apiServerCidr/,
    );
    const { triage, second } = await stack.outputs();
    expect(triage).toMatchObject({ alias: "triage", verdict: "promoted", contractVersion: 1 });
    expect(triage?.endpoint).toBe(`http://gateway.${stack.namespace}.svc/v1`);
    expect(triage?.score?.tuned).toBeGreaterThan(triage?.score?.base ?? 1);
    const claim = await stack.json<V1PersistentVolumeClaim>("get", "pvc", "workspace");
    expect(claim.status?.phase).toBe("Bound");
    const jobs = await stack.json<{ items: V1Job[] }>("get", "jobs");
    expect(jobs.items).toHaveLength(2);
    for (const job of jobs.items) expect(job.status?.succeeded).toBe(1);
    expect(await stack.ask("triage", "aaaa stone")).toEqual({ model: triage?.modelId, text: "yes" });
    expect(await stack.ask("second", "zzzz stone")).toEqual({ model: second?.modelId, text: "no" });
  });

  it("changes nothing when nothing changed", async () => {
    const before = await stack.outputs();
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).not.toMatch(/\) (created|updated|deleted|replaced)/);
    expect(await stack.outputs()).toEqual(before);
    // The nodes' GPUs are pretended, so that the planned speed is far off, and is told to be.
    expect(result.all).toMatch(
      /triage: memory planned [\d.]+ GB, measured [\d.]+ GB \(.* %\); speed planned \d+, measured \d+ tokens\/s/,
    );
  });

  it("gives each pod no more rights than it needs", async () => {
    const can = async (account: string, verb: string, what: string) =>
      (
        await stack.tryKubectl([
          "auth",
          "can-i",
          verb,
          what,
          `--as=system:serviceaccount:${stack.namespace}:${account}`,
        ])
      )
        .trim()
        .split("\n")
        .at(-1);
    expect(await can("train-triage", "patch", "configmap/verdict-triage")).toBe("yes");
    expect(await can("train-triage", "patch", "configmap/verdict-second")).toBe("no");
    expect(await can("train-triage", "patch", "configmap/aliases")).toBe("no");
    expect(await can("train-triage", "list", "secrets")).toBe("no");
    expect(await can("default", "get", "configmaps")).toBe("no");
    const asTrainer = ["--as", `system:serviceaccount:${stack.namespace}:train-triage`];
    const patch = ["--type=merge", "-p", '{"data":{"tried":"yes"}}'];
    const refused = await stack.tryKubectl(["patch", "configmap", "aliases", ...patch, ...asTrainer]);
    expect(refused).toMatch(/Forbidden|forbidden/);
    const pods = await stack.json<{ items: V1Pod[] }>("get", "pods");
    for (const { spec } of pods.items) {
      expect(spec?.automountServiceAccountToken).toBe(false);
      expect(spec?.securityContext?.runAsNonRoot).toBe(true);
    }
    const privileged = await stack.tryKubectl(
      ["apply", "-f", "-"],
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "root", namespace: stack.namespace },
        spec: { containers: [{ name: "root", image: cluster.image }] },
      }),
    );
    expect(privileged).toMatch(/violates PodSecurity "restricted/);
  });

  it("refuses a fine-tune whose labels mean nothing; the incumbent answers all along", async () => {
    const incumbent = (await stack.outputs())["triage"];
    stack.project.write("data/triage.jsonl", rows(200, true));
    const requests = stack.requestStream("triage");
    const result = await stack.up();
    const { failures, models } = await requests.stop();
    expect(result.exitCode, String(result.all)).toBe(20);
    expect(result.all).toContain("rejected by the gate");
    expect(failures).toEqual([]);
    expect([...models]).toEqual([incumbent?.modelId]);
  });

  it("changes nothing else when the file is reverted", async () => {
    const second = (await stack.json<{ items: V1Job[] }>("get", "jobs")).items.find(({ metadata }) =>
      metadata?.name?.startsWith("second"),
    );
    stack.project.write("data/triage.jsonl", rows(200));
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toContain("train: skipped");
    expect((await stack.ask("triage", "aaaa stone")).text).toBe("yes");
    const after = (await stack.json<{ items: V1Job[] }>("get", "jobs")).items.find(({ metadata }) =>
      metadata?.name?.startsWith("second"),
    );
    expect(after?.metadata?.uid).toBe(second?.metadata?.uid);
  });

  it("trains a changed rank as a new Job, resumes after its pods are killed, and moves the alias then", async () => {
    const before = (await stack.outputs())["triage"];
    await writeModel(stack.project, "triage", { train: { rank: 4, epochs: 60 } });
    const requests = stack.requestStream("triage");
    const update = stack.up();
    const killed: string[] = [];
    for (const signal of ["delete", "kill"] as const) {
      const pod = await waitUntil(() => stack.trainingPod("triage", killed), 240);
      await waitUntil(() => stack.trains(pod), 240);
      if (signal === "delete") await stack.kubectl(["delete", "pod", pod, "--wait=false"]);
      else await stack.killContainer(pod, "train");
      killed.push(pod);
    }
    const result = await update;
    const { failures, models } = await requests.stop();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toMatch(/resum/);
    const after = (await stack.outputs())["triage"];
    expect(after?.runId).not.toBe(before?.runId);
    expect(failures).toEqual([]);
    expect([...models]).toEqual([before?.modelId, after?.modelId]);
    expect(await stack.onVolume("ls /workspace/runs")).toContain(before?.runId);
  });

  it("says when no GPU is free, and ends at the deadline instead of hanging", async () => {
    await stack.occupyGpus();
    stack.writeStack({ ...WITH_GPU, deadlineHours: 0.01 });
    await writeModel(stack.project, "second", { train: { seed: 8 } });
    const result = await stack.up();
    expect(result.exitCode).not.toBe(0);
    expect(result.all).toMatch(/no GPU is free: 2 of 2 are asked for/);
    expect(result.all).toMatch(/second not scheduled: .*Insufficient nvidia.com\/gpu/);
    expect(result.all).toMatch(/DeadlineExceeded/);
    await stack.freeGpus();
    expect((await stack.ask("second", "zzzz stone")).text).toBe("no");
  });

  it("waits while its node is drained, and goes on from its checkpoint", async () => {
    stack.writeStack(WITH_GPU);
    await writeModel(stack.project, "second", { train: { seed: 9, epochs: 60 } });
    const update = stack.up();
    let said = "";
    update.all?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const pod = await waitUntil(() => stack.trainingPod("second", []), 240);
    await waitUntil(() => stack.trains(pod), 240);
    const node = (await stack.kubectl(["get", "pod", pod, "-o", "jsonpath={.spec.nodeName}"])).trim();
    await stack.kubectl(["cordon", node]);
    try {
      await stack.evict(pod);
      // Not what the cluster says, which `up` asks once a second: the node must stay closed until it was told.
      await waitUntil(() => Promise.resolve(/second not scheduled: .*unschedulable/.test(said)), 180);
    } finally {
      await stack.kubectl(["uncordon", node]);
    }
    const result = await update;
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toMatch(/second not scheduled: .*unschedulable/);
    expect(result.all).toMatch(/second .*resum/);
    expect((await stack.outputs())["second"]?.verdict).toBe("promoted");
  });

  it("submits in detached mode, and the next update promotes", async () => {
    const before = (await stack.outputs())["second"];
    stack.writeStack({ ...WITH_GPU, mode: "detached" });
    await writeModel(stack.project, "second", { train: { seed: 10 } });
    const submitted = await stack.up();
    expect(submitted.exitCode, String(submitted.all)).toBe(0);
    expect(submitted.all).toMatch(/second: Job \S+ runs; the next update reads its verdict/);
    const meanwhile = (await stack.outputs())["second"];
    expect(meanwhile).toMatchObject({ verdict: "running", modelId: before?.modelId });
    expect((await stack.ask("second", "zzzz stone")).model).toBe(before?.modelId);
    const job = `job/second-${meanwhile?.runId ?? ""}`;
    await stack.kubectl(["wait", "--for=condition=Complete", job, "--timeout=300s"]);
    const promoted = await stack.up();
    expect(promoted.exitCode, String(promoted.all)).toBe(0);
    const after = (await stack.outputs())["second"];
    expect(after).toMatchObject({ verdict: "promoted", modelId: `second-${after?.runId ?? ""}` });
    expect(after?.modelId).not.toBe(before?.modelId);
    expect((await stack.ask("second", "zzzz stone")).model).toBe(after?.modelId);
    stack.writeStack(WITH_GPU);
  });

  it("shows the trainer's own last lines and what its exit code means, and tries again when asked", async () => {
    await writeModel(stack.project, "triage", { data: { thresholds: { personalData: "error" } } });
    stack.project.write("data/triage.jsonl", rows(200).replace("stone 0", "stone 0 jane.doe@example.org"));
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(3);
    expect(result.all).toMatch(/stage prepare ended with exit code 3: the data firewall found errors/);
    expect(result.all).toMatch(/personal data/);
    expect(result.all).toMatch(/still serves/);
    const again = await stack.up();
    expect(again.exitCode, String(again.all)).toBe(3);
    expect(again.all).toContain("triage the Job failed before: it is tried again");
  });

  it.each(["gpu", "cpu"])("accepts every object of the example stack for %s clusters", async (name) => {
    const files = golden(name);
    const [namespace = "", ...others] = files;
    // Objects are only admitted into a namespace that is there.
    await stack.kubectlAnywhere(["apply", "-f", namespace]);
    try {
      const said = await stack.kubectlAnywhere([
        "apply",
        "--dry-run=server",
        ...others.flatMap((file) => ["-f", file]),
      ]);
      expect(
        said
          .trim()
          .split("\n")
          .filter((line) => line.endsWith("(server dry run)")),
      ).toHaveLength(others.length);
      expect(said).not.toMatch(/Warning/); // of Pod Security, of deprecated fields
      const job = fs.readFileSync(others.find((file) => file.includes("-job-")) ?? "", "utf8");
      const wrong = job
        .replace("runAsNonRoot: true", "runAsNonRoot: false")
        .replace("backoffLimit", "backofLimit");
      expect(await stack.tryKubectlAnywhere(["apply", "--dry-run=server", "-f", "-"], wrong)).toMatch(
        /unknown field "spec.backofLimit"/,
      );
    } finally {
      await stack.kubectlAnywhere(["delete", "--wait=false", "-f", namespace]);
    }
  });

  it("removes workloads on destroy and keeps the volume, unless told", async () => {
    const result = await stack.project.tuneform(["destroy", "--stack", "test"]);
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(await stack.kubectl(["get", "deployments,jobs", "-o", "name"])).toBe("");
    expect((await stack.json<V1PersistentVolumeClaim>("get", "pvc", "workspace")).status?.phase).toBe(
      "Bound",
    );
    const all = await stack.project.tuneform(["destroy", "--stack", "test", "--artefacts"]);
    expect(all.exitCode, String(all.all)).toBe(0);
    expect(await stack.tryKubectl(["get", "namespace", stack.namespace])).toMatch(/NotFound/);
  });
});
