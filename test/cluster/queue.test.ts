import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rows, writeModel } from "../engine/fixtures.ts";
import { skipTier, tierRuns } from "../engine/tier.ts";
import { ClusterProject, waitUntil } from "./cluster-project.ts";
import { kubectl, missingForCluster, startCluster } from "./equipment.ts";
import { missingForKueue, startKueue } from "./kueue.ts";

const runs = tierRuns("cluster", missingForCluster());

/** Objects of Kueue of this test: they belong to the whole cluster. */
const NAME = `tuneform-test-${process.pid}`;
const QUEUE = "fine-tunes";

describe.runIf(runs)("a training Job in a queue of Kueue", () => {
  let stack: ClusterProject;
  let isThere = false;
  let removeKueue = () => Promise.resolve();

  beforeAll(async () => {
    const cluster = await startCluster(console.log);
    stack = new ClusterProject(cluster, `tuneform-queue-${process.pid}`);
    const missing = await missingForKueue(cluster);
    isThere = missing.length === 0;
    if (!isThere) {
      skipTier("kueue", missing.join(", "));
      return;
    }
    removeKueue = await startKueue(cluster, console.log);
    stack.writeStack({ queue: QUEUE });
    await writeModel(stack.project, "triage");
    stack.project.write("data/triage.jsonl", rows(200));
    // Its webhooks answer some time after it says that it is ready.
    let said = "";
    await waitUntil(async () => (said = await apply(quota(0))) === "", 120).catch(() => {
      throw new Error(`Kueue takes no ClusterQueue: ${said}`);
    });
  }, 45 * 60_000);
  afterAll(async () => {
    await stack.remove();
    // What is in a queue is given up by Kueue itself: it has to be there until the end.
    const gone = ["wait", "--for=delete", `namespace/${stack.namespace}`, "--timeout=180s"];
    await kubectl(stack.cluster, gone);
    const shared = ["delete", "clusterqueue,resourceflavor", NAME, "--ignore-not-found"];
    if (isThere) await kubectl(stack.cluster, shared);
    await removeKueue();
  });

  /** What kubectl said of objects that it could not apply; empty where it could. */
  const apply = async (...items: object[]): Promise<string> => {
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    const result = await kubectl(stack.cluster, ["apply", "-f", "-"], list);
    return result.exitCode === 0 ? "" : String(result.all);
  };
  const applied = async (...items: object[]): Promise<void> => expect(await apply(...items)).toBe("");
  /** A queue into which Jobs of so many cores are admitted. */
  const quota = (cores: number) => ({
    apiVersion: "kueue.x-k8s.io/v1beta2",
    kind: "ClusterQueue",
    metadata: { name: NAME },
    spec: {
      namespaceSelector: {},
      resourceGroups: [
        {
          coveredResources: ["cpu", "memory"],
          flavors: [
            {
              name: NAME,
              resources: [
                { name: "cpu", nominalQuota: cores },
                { name: "memory", nominalQuota: "64Gi" },
              ],
            },
          ],
        },
      ],
    },
  });
  const flavor = {
    apiVersion: "kueue.x-k8s.io/v1beta2",
    kind: "ResourceFlavor",
    metadata: { name: NAME },
  };
  const queue = () => ({
    apiVersion: "kueue.x-k8s.io/v1beta2",
    kind: "LocalQueue",
    metadata: { name: QUEUE, namespace: stack.namespace },
    spec: { clusterQueue: NAME },
  });
  const job = async (): Promise<V1Job | undefined> =>
    (await stack.json<{ items: V1Job[] }>("get", "jobs")).items[0];
  /** `up` under way, and what it has said so far. */
  const update = () => {
    const running = stack.up();
    const heard = { said: "" };
    running.all?.on("data", (chunk: Buffer) => (heard.said += chunk.toString()));
    return {
      running,
      heard,
      hears: (words: RegExp) => waitUntil(() => Promise.resolve(words.test(heard.said)), 240),
    };
  };

  it("is held without a pod, `up` says by which queue and why, and ends when nothing admits it", async ({
    skip,
  }) => {
    if (!isThere) skip();
    stack.writeStack({ queue: QUEUE, deadlineHours: 0.015 });
    const { running, hears } = update();
    await hears(/triage waits in queue fine-tunes: .*LocalQueue fine-tunes doesn't exist/);
    await applied(flavor, queue());
    await hears(/triage waits in queue fine-tunes: .*insufficient quota for cpu/);
    const result = await running;
    expect(result.exitCode, String(result.all)).toBe(130);
    expect(result.all).toMatch(/was not admitted in 1 min: it waits in queue fine-tunes/);
    expect(result.all).toMatch(/the next update waits again.*deadlineHours/);
    expect((await job())?.spec?.suspend).toBe(true);
    expect((await stack.json<{ items: V1Pod[] }>("get", "pods", "-l", "job-name")).items).toEqual([]);
  });

  it("is followed to its verdict once there is room, and its deadline counts from then", async ({ skip }) => {
    if (!isThere) skip();
    stack.writeStack({ queue: QUEUE });
    const { running, hears } = update();
    await hears(/triage waits in queue/);
    const admitted = Date.now();
    await applied(quota(4));
    const result = await running;
    expect(result.exitCode, String(result.all)).toBe(0);
    expect((await stack.outputs())["triage"]?.verdict).toBe("promoted");
    const made = await job();
    expect(made?.spec?.suspend).toBe(false);
    // Timestamps of Kubernetes are whole seconds.
    expect(new Date(made?.status?.startTime ?? 0).getTime()).toBeGreaterThanOrEqual(admitted - 1000);
  });

  it("changes nothing when nothing changed: what Kueue wrote into the Job is Kueue's", async ({ skip }) => {
    if (!isThere) skip();
    const before = await job();
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).not.toMatch(/\) (created|updated|deleted|replaced)/);
    expect((await job())?.metadata?.resourceVersion).toBe(before?.metadata?.resourceVersion);
  });

  it("goes on from its checkpoint when its quota is taken away and given back", async ({ skip }) => {
    if (!isThere) skip();
    await writeModel(stack.project, "triage", { train: { seed: 9, epochs: 20 } });
    const { running, hears } = update();
    const pod = await waitUntil(() => stack.trainingPod("triage", []), 240);
    await waitUntil(() => stack.trains(pod), 240);
    const hold = (policy: string) => ({ ...quota(4), spec: { ...quota(4).spec, stopPolicy: policy } });
    await applied(hold("HoldAndDrain"));
    await hears(/triage waits in queue fine-tunes/);
    await applied(hold("None"));
    const result = await running;
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toMatch(/triage .*resum/);
  });
});
