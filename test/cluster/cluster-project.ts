import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { dump } from "js-yaml";
import type { ModelOutputs } from "../../components/fine-tune.ts";
import { TestProject } from "../engine/project.ts";
import { killOnNode, kubectl, type TestCluster } from "./equipment.ts";

/** A project whose stack `test` is in a namespace of its own of a test cluster. */
export class ClusterProject {
  readonly project = new TestProject();
  readonly cluster: TestCluster;
  readonly namespace: string;

  constructor(cluster: TestCluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  /** Pulumi.test.yaml; `settings` are those of tuneform:kubernetes. */
  writeStack(settings: Record<string, unknown> = {}): void {
    const kubernetes = {
      namespace: this.namespace,
      kubeconfig: this.cluster.kubeconfig,
      trainerImage: this.cluster.image,
      allowImageTags: true,
      engine: "cpu",
      storageClass: this.cluster.storageClass,
      workspaceSize: "1Gi",
      // Stacks of several test files share the node.
      cpuRequest: "100m",
      serverCpuRequest: "100m",
      ...settings,
    };
    const config = { "tuneform:target": "kubernetes", "tuneform:kubernetes": kubernetes };
    this.project.write("Pulumi.test.yaml", dump({ config }));
  }

  up() {
    return this.project.tuneform(["up", "--stack", "test"]);
  }

  async outputs(): Promise<Record<string, ModelOutputs>> {
    const { stdout } = await this.project.tuneform(["outputs", "--stack", "test"]);
    return (JSON.parse(String(stdout)) as { models: Record<string, ModelOutputs> }).models;
  }

  /** kubectl in the stack's namespace; fails where kubectl does. */
  async kubectl(args: string[], input?: string): Promise<string> {
    const result = await kubectl(this.cluster, ["-n", this.namespace, ...args], input);
    if (result.exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${String(result.all)}`);
    return String(result.stdout);
  }

  /** The same without a namespace: what it applies names its own. */
  async kubectlAnywhere(args: string[]): Promise<string> {
    const result = await kubectl(this.cluster, args);
    if (result.exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${String(result.all)}`);
    return String(result.all);
  }

  async tryKubectlAnywhere(args: string[], input: string): Promise<string> {
    return String((await kubectl(this.cluster, args, input)).all);
  }

  /** kubectl whose failure is what is looked at: all that it printed. */
  async tryKubectl(args: string[], input?: string): Promise<string> {
    return String((await kubectl(this.cluster, ["-n", this.namespace, ...args], input)).all);
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.kubectl([...args, "-o", "json"])) as T;
  }

  /** A pod of a namespace of its own, which stands for an application. */
  async startClient(): Promise<void> {
    const namespace = `${this.namespace}-client`;
    await kubectl(this.cluster, ["create", "namespace", namespace]);
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "client", namespace },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: "client",
            image: this.cluster.image,
            imagePullPolicy: "IfNotPresent",
            command: ["python", "-c", "import time; time.sleep(100000)"],
          },
        ],
      },
    };
    await kubectl(this.cluster, ["apply", "-f", "-"], JSON.stringify(pod));
    await kubectl(this.cluster, [
      "-n",
      namespace,
      "wait",
      "--for=condition=Ready",
      "pod/client",
      "--timeout=120s",
    ]);
  }

  /** One request through the gateway's Service, as an application in the cluster sends it. */
  async ask(alias: string, content: string): Promise<{ model: string; text: string }> {
    const body = JSON.stringify({
      model: alias,
      messages: [
        { role: "system", content: "yes or no?" },
        { role: "user", content },
      ],
      max_tokens: 4,
      temperature: 0,
    });
    const program = [
      "import sys, urllib.request",
      `request = urllib.request.Request('http://gateway.${this.namespace}.svc/v1/chat/completions', data=sys.stdin.buffer.read(), headers={'Content-Type': 'application/json'})`,
      "print(urllib.request.urlopen(request, timeout=60).read().decode())",
    ].join("\n");
    const exec = ["-n", `${this.namespace}-client`, "exec", "-i", "client", "--", "python", "-c", program];
    const answer = await kubectl(this.cluster, exec, body);
    if (answer.exitCode !== 0) throw new Error(String(answer.all));
    const { model, choices } = JSON.parse(String(answer.stdout)) as {
      model: string;
      choices: { message: { content: string } }[];
    };
    return { model, text: choices[0]?.message.content ?? "" };
  }

  /** Requests twice a second until stopped; keeps every failure and which model answered. */
  requestStream(alias: string) {
    const failures: string[] = [];
    const models = new Set<string>();
    let isStopped = false;
    const work = (async () => {
      while (!isStopped) {
        await this.ask(alias, "aaaa stone").then(
          ({ model }) => models.add(model),
          (error: unknown) => failures.push(String(error)),
        );
        await sleep(500);
      }
    })();
    return {
      stop: async () => {
        isStopped = true;
        await work;
        await this.ask(alias, "aaaa stone").then(({ model }) => models.add(model));
        return { failures, models };
      },
    };
  }

  /** A running pod of a fine-tune's Job that is none of `others`. */
  async trainingPod(name: string, others: string[]): Promise<string | undefined> {
    const labelSelector = `tuneform.dev/fine-tune=${name},app.kubernetes.io/component=training`;
    const { items } = await this.json<{ items: V1Pod[] }>("get", "pods", "-l", labelSelector);
    const running = items.find(
      ({ metadata, status }) =>
        !others.includes(metadata?.name ?? "") &&
        metadata?.deletionTimestamp === undefined &&
        status?.initContainerStatuses?.some(
          ({ name, state }) => name === "train" && state?.running !== undefined,
        ),
    );
    return running?.metadata?.name;
  }

  /** Whether a pod has taken a training step. */
  async trains(pod: string): Promise<boolean> {
    return /train: \d+\//.test(await this.tryKubectl(["logs", pod, "-c", "train"]));
  }

  /** SIGKILL from inside: the container's process 1 cannot be killed by its own children, so its node does it. */
  async killContainer(pod: string, container: string): Promise<void> {
    const { status } = await this.json<V1Pod>("get", "pod", pod);
    const id = status?.initContainerStatuses?.find(({ name }) => name === container)?.containerID ?? "";
    await killOnNode(this.cluster, id.replace("containerd://", ""));
  }

  /** The eviction API, as a drain calls it. */
  async evict(pod: string): Promise<void> {
    const eviction = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: pod, namespace: this.namespace },
    };
    const path = `/api/v1/namespaces/${this.namespace}/pods/${pod}/eviction`;
    await this.kubectl(["create", "--raw", path, "-f", "-"], JSON.stringify(eviction));
  }

  /** Pods of another namespace that hold both GPUs of the node. */
  async occupyGpus(): Promise<void> {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "occupier", namespace: `${this.namespace}-client` },
      spec: {
        terminationGracePeriodSeconds: 0,
        tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
        containers: [
          {
            name: "occupier",
            image: this.cluster.image,
            imagePullPolicy: "IfNotPresent",
            command: ["python", "-c", "import time; time.sleep(100000)"],
            resources: { limits: { "nvidia.com/gpu": "2" } },
          },
        ],
      },
    };
    await kubectl(this.cluster, ["apply", "-f", "-"], JSON.stringify(pod));
    const ready = ["wait", "--for=condition=Ready", "pod/occupier", "--timeout=60s"];
    await kubectl(this.cluster, ["-n", `${this.namespace}-client`, ...ready]);
  }

  async freeGpus(): Promise<void> {
    const args = [
      "-n",
      `${this.namespace}-client`,
      "delete",
      "pod",
      "occupier",
      "--grace-period=0",
      "--force",
    ];
    await kubectl(this.cluster, args);
  }

  /** A shell command in the server's pod, which has the volume. */
  onVolume(command: string): Promise<string> {
    return this.kubectl(["exec", "deployment/server-tiny-llama-cpu", "--", "sh", "-c", command]);
  }

  async remove(): Promise<void> {
    const namespaces = [this.namespace, `${this.namespace}-client`];
    await kubectl(this.cluster, ["delete", "namespace", ...namespaces, "--ignore-not-found", "--wait=false"]);
    await this.project.remove();
  }
}

/** Asks once a second until there is something. Throws after `seconds`. */
export async function waitUntil<T>(ask: () => Promise<T | undefined | false>, seconds: number): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await sleep(1000)) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
  }
  throw new Error(`not in ${seconds} s`);
}
