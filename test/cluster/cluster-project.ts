import { dump } from "js-yaml";
import type { ModelOutputs } from "../../components/fine-tune.ts";
import { TestProject } from "../engine/project.ts";
import { kubectl, type TestCluster } from "./equipment.ts";

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
      cpuRequest: "100m",
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

  async remove(): Promise<void> {
    const namespaces = [this.namespace, `${this.namespace}-client`];
    await kubectl(this.cluster, ["delete", "namespace", ...namespaces, "--ignore-not-found", "--wait=false"]);
    await this.project.remove();
  }
}
