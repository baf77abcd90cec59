import fs from "node:fs";
import path from "node:path";
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { dump } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../cli/project.ts";
import { readBaseFolder } from "../../loading/base-folder.ts";
import { rows, tinyModel, writeModel } from "../engine/fixtures.ts";
import { tierRuns } from "../engine/tier.ts";
import { ClusterProject, waitUntil } from "./cluster-project.ts";
import { kubectl, missingForCluster, startCluster } from "./equipment.ts";

const runs = tierRuns("cluster", missingForCluster());

const HUB = {
  id: "owner/tiny-llama",
  revision: "a".repeat(40),
  port: 8081,
  prefix: "/api/hub",
  token: "right",
};

describe.runIf(runs)("a base of the hub on a real Kubernetes", () => {
  let stack: ClusterProject;
  const outside = () => `${stack.namespace}-client`;

  beforeAll(async () => {
    const cluster = await startCluster(console.log);
    stack = new ClusterProject(cluster, `tuneform-hub-${process.pid}`);
    writeStack({});
    await writeModel(stack.project, "triage");
    const file = stack.project.path("models", "triage.yaml");
    const model = fs.readFileSync(file, "utf8").replace(/^base:\n.*\n/m, "");
    const { id, revision } = HUB;
    stack.project.write("models/triage.yaml", model + dump({ base: { hub: id, revision } }));
    stack.project.write("data/triage.jsonl", rows(200));
    await stack.startClient();
    await startHub(stack);
  }, 45 * 60_000);
  afterAll(() => stack.remove());

  function writeStack(settings: Record<string, unknown>): void {
    const host = `hub.${outside()}.svc:${HUB.port}`;
    stack.writeStack({ hubEndpoint: `http://${host}${HUB.prefix}`, ...settings });
  }
  const putToken = (token: string) =>
    stack.kubectl(["apply", "-f", "-"], JSON.stringify(secret(stack.namespace, token)));
  const asked = async () => String((await kubectl(stack.cluster, ["-n", outside(), "logs", "hub"])).stdout);
  const jobs = async () => (await stack.json<{ items: V1Job[] }>("get", "jobs")).items;

  it("that wants a token fails at once without one, with the way out, and asks for no GPU", async () => {
    const began = Date.now();
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(4);
    expect(result.all).toMatch(/owner\/tiny-llama at http:\S+ is gated, accept its licence there/);
    expect(result.all).toMatch(/tuneform:kubernetes\.tokenSecret/);
    expect(result.all).toMatch(/stage stage ended with exit code 4: the base model cannot be had/);
    expect(Date.now() - began).toBeLessThan(300_000);
    const training = (await jobs()).find(({ metadata }) => !metadata?.name?.endsWith("-stage"));
    expect(training?.spec?.suspend).toBe(true);
    expect(training?.status?.active ?? 0).toBe(0);
  });

  it("says that its Secret is not there while it waits, and what a wrong token is told", async () => {
    writeStack({ tokenSecret: "hub-token" });
    const update = stack.up();
    let said = "";
    update.all?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await waitUntil(() => Promise.resolve(/stage waits: .*"hub-token" not found/.test(said)), 180);
    await putToken("wrong");
    const result = await update;
    expect(result.exitCode, String(result.all)).toBe(4);
    expect(result.all).toMatch(/the hub refuses this token \(HTTP 401\); set HF_TOKEN/);
  });

  it("is fetched with the right token by a Job of its own, and trains, and answers", async () => {
    await putToken(HUB.token);
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toContain("triage the Job failed before: it is tried again");
    const { triage } = await stack.outputs();
    expect(triage).toMatchObject({ verdict: "promoted", baseModel: HUB.id });
    expect(await stack.ask("triage", "aaaa stone")).toEqual({ model: triage?.modelId, text: "yes" });
    expect(await asked()).toMatch(/GET \/api\/hub\/owner\/tiny-llama\/resolve\/a{40}\/model.safetensors 200/);
    for (const job of await jobs()) expect(job.status?.succeeded).toBe(1);
  });

  it("began to train when its weights were there, and not before", async () => {
    const all = await jobs();
    const staging = all.find(({ metadata }) => metadata?.name?.endsWith("-stage"));
    const training = all.find(({ metadata }) => !metadata?.name?.endsWith("-stage"));
    const time = (date: Date | undefined) => new Date(date ?? 0).getTime();
    expect(time(training?.status?.startTime)).toBeGreaterThanOrEqual(time(staging?.status?.completionTime));
  });

  it("changes nothing when nothing changed, and asks the hub for nothing", async () => {
    const before = await asked();
    const result = await stack.up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).not.toMatch(/\) (created|updated|deleted|replaced)/);
    expect(await asked()).toBe(before);
  });

  it("is out of reach of whatever trains or serves: no token, no address, no way", async () => {
    const { items } = await stack.json<{ items: V1Pod[] }>("get", "pods");
    for (const { metadata, spec } of items) {
      const isStaging = metadata?.labels?.["app.kubernetes.io/component"] === "staging";
      const known = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap(({ env }) =>
        (env ?? []).map(({ name }) => name),
      );
      expect(known.includes("HF_TOKEN")).toBe(isStaging);
      expect(known.includes("HF_ENDPOINT")).toBe(isStaging);
    }
    // The same request as its policies see it: a pod that is told to be one of training, and one of staging.
    expect(await reaches(stack, "staging")).toMatch(/HTTP Error 401/);
    expect(await reaches(stack, "training")).toMatch(/timed out/);
    expect(await reaches(stack, "server")).toMatch(/timed out/);
  });
});

const secret = (namespace: string, token: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "hub-token", namespace },
  stringData: { token },
});

/** The hub as a pod outside of the stack's namespace: its model is the one that the image carries. */
async function startHub({ cluster, namespace }: ClusterProject): Promise<void> {
  const base = readBaseFolder(await tinyModel());
  if (typeof base === "string") throw new Error(base);
  const program = fs.readFileSync(path.join(projectRoot, "trainer-image", "tests", "hub.py"), "utf8");
  const metadata = { name: "hub", namespace: `${namespace}-client`, labels: { app: "hub" } };
  const { id, revision, port, prefix, token } = HUB;
  const folder = `/opt/venv/bases/${base.digest.slice(0, 12)}`;
  const items = [
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "hub.py": program } },
    { apiVersion: "v1", kind: "Service", metadata, spec: { selector: { app: "hub" }, ports: [{ port }] } },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: "hub",
            image: cluster.image,
            imagePullPolicy: "IfNotPresent",
            command: ["python", "/hub/hub.py", folder, id, revision, String(port), prefix],
            env: [{ name: "HUB_TOKEN", value: token }],
            volumeMounts: [{ name: "hub", mountPath: "/hub" }],
            readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
          },
        ],
        volumes: [{ name: "hub", configMap: { name: "hub" } }],
      },
    },
  ];
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const applied = await kubectl(cluster, ["apply", "-f", "-"], list);
  if (applied.exitCode !== 0) throw new Error(String(applied.all));
  const ready = ["wait", "--for=condition=Ready", "pod/hub", "--timeout=120s"];
  const waited = await kubectl(cluster, ["-n", metadata.namespace, ...ready]);
  if (waited.exitCode !== 0) throw new Error(String(waited.all));
}

/** What a request without a token is answered from a pod with a component's label. */
async function reaches(stack: ClusterProject, component: string): Promise<string> {
  const url = `http://hub.${stack.namespace}-client.svc:${HUB.port}${HUB.prefix}/api/models/${HUB.id}/tree/x`;
  // Policies reach a pod's node some time after the pod: what counts is the last answer.
  const program = [
    "import time, urllib.request",
    "for attempt in range(3):",
    "    time.sleep(3)",
    "    try:",
    `        print(urllib.request.urlopen("${url}", timeout=5).status)`,
    "    except Exception as error:",
    "        print(error)",
  ].join("\n");
  const name = `asks-as-${component}`;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: stack.namespace,
      labels: { "app.kubernetes.io/name": "tuneform", "app.kubernetes.io/component": component },
    },
    spec: {
      restartPolicy: "Never",
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "asks",
          image: stack.cluster.image,
          imagePullPolicy: "IfNotPresent",
          command: ["python", "-c", program],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
  await stack.kubectl(["apply", "-f", "-"], JSON.stringify(pod));
  await stack.kubectl(["wait", "--for=jsonpath={.status.phase}=Succeeded", `pod/${name}`, "--timeout=120s"]);
  const said = (await stack.kubectl(["logs", name])).trim().split("\n").at(-1) ?? "";
  await stack.kubectl(["delete", "pod", name, "--wait=false"]);
  return said;
}
