import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { dump, load, loadAll } from "js-yaml";
import { execa } from "execa";
import { has, requires } from "../engine/tier.ts";
import { addCodeLayer } from "./code-layer.ts";
import { cache, kubectl, onNode, routeToServices, type TestCluster } from "./equipment.ts";

/** Served by the Go module proxy, from which the test equipment is made too. */
const MODULE = "sigs.k8s.io/kueue@v0.17.0";
const IMAGE = "lab.local/kueue:0.17.0";
const NAMESPACE = "kueue-system";
const binary = path.join(cache, "kueue-0.17.0", "kueue");

/**
 * What keeps tests with Kueue from running; empty where nothing does. A given cluster has to have it; for the test
 * equipment it is built from its Go module, once, and its tests take minutes: only where TUNEFORM_REQUIRE has `kueue`.
 */
export async function missingForKueue(cluster: TestCluster): Promise<string[]> {
  if (await isInstalled(cluster)) return [];
  if (cluster.isGiven) return ["Kueue in the given cluster"];
  if (!requires("kueue"))
    return ["Kueue (TUNEFORM_REQUIRE=cluster,kueue builds it where it is not built yet)"];
  return fs.existsSync(binary) || has("go") ? [] : ["go, to build Kueue"];
}

const isInstalled = async (cluster: TestCluster): Promise<boolean> =>
  (await kubectl(cluster, ["get", "--raw", "/apis/kueue.x-k8s.io"])).exitCode === 0;

/** Kueue with its own manifests, webhooks and certificates; gives what removes it again. */
export async function startKueue(
  cluster: TestCluster,
  say: (line: string) => void,
): Promise<() => Promise<void>> {
  if (await isInstalled(cluster)) return () => Promise.resolve();
  const { stdout } = await execa("go", ["mod", "download", "-json", MODULE]);
  const source = (JSON.parse(stdout) as { Dir: string }).Dir;
  await build(source, say);
  await loadImage();
  await routeToServices();
  const rendered = await kubectl(cluster, ["kustomize", path.join(source, "config", "default")]);
  if (rendered.exitCode !== 0) throw new Error(String(rendered.all));
  const objects = loadAll(String(rendered.stdout)) as KueueObject[];
  const text = objects.flatMap(adapted).map((object) => dump(object, { noRefs: true }));
  const manifest = text.join("---\n");
  const run = async (args: string[], input?: string) => {
    const result = await kubectl(cluster, args, input);
    if (result.exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${String(result.all)}`);
  };
  // Its definitions are too large for the annotation of an apply from here.
  await run(["apply", "--server-side", "--force-conflicts", "-f", "-"], manifest);
  const ready = ["wait", "--for=condition=Available", "deployment/kueue-controller-manager"];
  await run(["-n", NAMESPACE, ...ready, "--timeout=300s"]);
  return () => run(["delete", "--ignore-not-found", "--timeout=120s", "-f", "-"], manifest);
}

/** In a copy: a module's own folder is read only, and its go.sum may lack what this machine's Go wants. */
async function build(source: string, say: (line: string) => void): Promise<void> {
  if (fs.existsSync(binary)) return;
  say(`cluster: building ${MODULE}, once per machine: 5 to 13 minutes`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-kueue-"));
  await execa("cp", ["-r", `${source}/.`, folder]);
  await execa("chmod", ["-R", "u+w", folder]);
  fs.mkdirSync(path.dirname(binary), { recursive: true });
  const env = { GOFLAGS: "-mod=mod -buildvcs=false" };
  const args = ["build", "-p", "2", "-ldflags", "-s -w", "-o", binary, "./cmd/kueue"];
  await execa("go", args, { cwd: folder, env });
  fs.rmSync(folder, { recursive: true });
}

async function loadImage(): Promise<void> {
  const { ctr, load: loadArchive } = await onNode();
  const images = (await ctr(["images", "ls", "-q"])).split("\n");
  if (images.includes(IMAGE)) return;
  const base = images.find((name) => name.startsWith("lab.local/trainer-environment:"));
  if (base === undefined) throw new Error("no image of the trainer's environment, on which Kueue's is made");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-kueue-"));
  fs.copyFileSync(binary, path.join(folder, "manager"));
  await addCodeLayer({ base, name: IMAGE, folder, ctr, load: loadArchive });
  fs.rmSync(folder, { recursive: true });
}

interface KueueObject {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  webhooks?: { rules: { apiGroups: string[] }[] }[];
  spec?: { template?: { spec: { securityContext: object; containers: object[] } } };
}

const CONFIG = "controller_manager_config.yaml";

/** The image of this machine, and Jobs only: a webhook on all Pods would be asked by every other test as well. */
function adapted(object: KueueObject): KueueObject[] {
  if (object.kind === "APIService") return [];
  const { webhooks, data } = object;
  if (webhooks !== undefined)
    object.webhooks = webhooks.filter(({ rules }) =>
      rules.every(({ apiGroups }) => apiGroups.every((group) => ["kueue.x-k8s.io", "batch"].includes(group))),
    );
  if (data?.[CONFIG] !== undefined) {
    const config = load(data[CONFIG]) as Record<string, unknown>;
    data[CONFIG] = dump({ ...config, integrations: { frameworks: ["batch/job"] } });
  }
  if (object.kind === "Deployment" && object.spec?.template !== undefined) {
    const pod = object.spec.template.spec;
    // The image that this one is made on says no user.
    pod.securityContext = { ...pod.securityContext, runAsUser: 65532 };
    for (const container of pod.containers)
      Object.assign(container, { image: IMAGE, imagePullPolicy: "IfNotPresent", resources: {} });
  }
  return [object];
}
