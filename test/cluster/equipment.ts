import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa, execaSync } from "execa";
import { readBaseFolder } from "../../loading/base-folder.ts";
import { ensureUv, findPython, indexSettings, UV_VERSION } from "../../setup/uv.ts";
import { tinyModel } from "../engine/fixtures.ts";
import { has } from "../engine/tier.ts";
import { addCodeLayer } from "./code-layer.ts";

/**
 * The cluster that these tests run on: the one of KUBECONFIG, with a trainer image loaded under the name in
 * TUNEFORM_TEST_IMAGE, or a one-node cluster from the test equipment beside the checkout.
 */
export interface TestCluster {
  kubeconfig: string;
  image: string;
  storageClass: string;
}

const root = path.resolve(import.meta.dirname, "..", "..");
const lab = process.env["TUNEFORM_LAB"] ?? path.resolve(root, "..", "shared", "lab", "lab");
const cache = path.join(
  process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform"),
  "test",
);
const given = process.env["KUBECONFIG"];

/** What keeps the tier from running here; empty where nothing does. */
export function missingForCluster(): string[] {
  const programs = ["pulumi", "pulumi-resource-kubernetes"].filter((program) => !has(program));
  if (given !== undefined)
    return process.env["TUNEFORM_TEST_IMAGE"] === undefined ? [...programs, "TUNEFORM_TEST_IMAGE"] : programs;
  return fs.existsSync(lab) ? programs : [...programs, "KUBECONFIG"];
}

/**
 * The official provider where PATH has it; else the equipment's stand-in, behind provider-standin.cjs. Says which.
 */
function chooseProvider(say: (line: string) => void): void {
  const found = execaSync("which", ["pulumi-resource-kubernetes"]).stdout.trim();
  const script = fs.readFileSync(found).subarray(0, 4096).toString("latin1");
  const standin = /exec node "([^"]*kubernetes-provider\.cjs)"/.exec(script)?.[1];
  say(
    `cluster: Kubernetes provider: ${standin === undefined ? `official, ${found}` : "the test equipment's stand-in"}`,
  );
  if (standin === undefined) return;
  const folder = path.join(cache, "provider");
  fs.mkdirSync(folder, { recursive: true });
  const wrapper = path.join(import.meta.dirname, "provider-standin.cjs");
  const program = `#!/bin/sh\nexec node "${wrapper}" "${standin}" "$@"\n`;
  fs.writeFileSync(path.join(folder, "pulumi-resource-kubernetes"), program, { mode: 0o755 });
  process.env["PATH"] = `${folder}${path.delimiter}${process.env["PATH"] ?? ""}`;
}

/** Bring the cluster up. Seconds where it was built before, up to 20 minutes where not. */
export async function startCluster(say: (line: string) => void): Promise<TestCluster> {
  const storageClass =
    process.env["TUNEFORM_TEST_STORAGE_CLASS"] ?? (given === undefined ? "local-path" : "standard");
  chooseProvider(say);
  if (given !== undefined)
    return { kubeconfig: given, image: process.env["TUNEFORM_TEST_IMAGE"] ?? "", storageClass };
  fs.mkdirSync(cache, { recursive: true });
  const began = Date.now();
  const seconds = () => `${Math.round((Date.now() - began) / 1000)} s`;
  // The same lock as in .ci/run, which begins the build in the background.
  await execa("flock", [path.join(os.tmpdir(), "tuneform-lab.lock"), "bash", lab, "build", "kube"]);
  await execa("bash", [lab, "up"], { reject: false });
  const { stdout } = await execa("bash", ["-c", `eval "$(bash '${lab}' env)" && echo "$KUBECONFIG"`]);
  const kubeconfig = stdout.trim();
  say(`cluster: up after ${seconds()}`);
  const image = await loadedImage(say);
  say(`cluster: image ${image} after ${seconds()}`);
  return { kubeconfig, image, storageClass };
}

/** SIGKILL to a container, by the node itself: crictl is not everywhere, containerd's own client is. */
export async function killOnNode(cluster: TestCluster, containerId: string): Promise<void> {
  if (given !== undefined) throw new Error(`not on a given cluster (${cluster.kubeconfig})`);
  const state = await labState();
  const init = fs.readFileSync(path.join(state, "init"), "utf8").trim();
  const ctr = [
    "-t",
    init,
    "-m",
    "-n",
    "-p",
    "ctr",
    "-n",
    "k8s.io",
    "task",
    "kill",
    "-s",
    "SIGKILL",
    containerId,
  ];
  await execa("nsenter", ctr);
}

async function labState(): Promise<string> {
  const { stdout } = await execa("bash", [lab, "paths"]);
  return /^state (.*)$/m.exec(stdout)?.[1] ?? "";
}

export const kubectl = (cluster: TestCluster, args: string[], input?: string) =>
  execa("bash", [lab, "kubectl", ...args], {
    reject: false,
    all: true,
    env: { KUBECONFIG: cluster.kubeconfig },
    ...(input === undefined ? {} : { input }),
  });

/** The trainer's locked environment as an image, made once per lock file, and the project's code on top of it. */
async function loadedImage(say: (line: string) => void): Promise<string> {
  const state = await labState();
  const init = fs.readFileSync(path.join(state, "init"), "utf8").trim();
  const ctr = async (args: string[]) =>
    (await execa("nsenter", ["-t", init, "-m", "-n", "-p", "ctr", "-n", "k8s.io", ...args])).stdout;
  const environment = path.join(cache, "image-environment");
  const lock = fs.readFileSync(path.join(trainer, "requirements.lock"));
  const base = `lab.local/trainer-environment:${createHash("sha256").update(lock).digest("hex").slice(0, 12)}`;
  if (!(await ctr(["images", "ls", "-q"])).split("\n").includes(base)) {
    say(`cluster: making ${base}, 6 GB, once per lock file: 2 to 6 minutes`);
    await buildEnvironment(environment, say);
    await execa("bash", [lab, "image", base, environment], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { LAB: state },
    });
  }
  const name = "lab.local/tuneform-trainer:test";
  const folder = await codeFolder();
  await addCodeLayer({
    base,
    name,
    folder,
    ctr,
    load: (archive) => execa("bash", [lab, "load", archive], { env: { LAB: state } }),
  });
  fs.rmSync(folder, { recursive: true });
  return name;
}

const trainer = path.join(root, "trainer-image");

/** Like the Containerfile's first steps: the packages of the lock. */
async function buildEnvironment(folder: string, say: (line: string) => void): Promise<void> {
  const python = await findPython();
  const uv = await ensureUv(path.join(root, ".tuneform", "tools", `uv-${UV_VERSION}`), python, say);
  const env = await indexSettings(python);
  const run = (args: string[]) => execa(uv, [...args, "--quiet"], { cwd: trainer, env });
  await run(["venv", "--clear", "--python", ">=3.11,<3.15", folder]);
  const into = ["--python", path.join(folder, "bin", "python")];
  await run(["pip", "sync", ...into, "--require-hashes", "requirements.lock"]);
}

/** The trainer package, and a base model for a cluster that reaches nothing, where the image has them. */
async function codeFolder(): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-code-"));
  const library = path.join(cache, "image-environment", "lib");
  const [python = ""] = fs.readdirSync(library);
  const inImage = (...parts: string[]) => path.join(folder, "opt", "venv", ...parts);
  fs.cpSync(
    path.join(trainer, "src", "tuneform_trainer"),
    inImage("lib", python, "site-packages", "tuneform_trainer"),
    { recursive: true, filter: (file) => !file.endsWith("__pycache__") },
  );
  fs.mkdirSync(inImage("bin"), { recursive: true });
  const program = "#!/opt/venv/bin/python\nfrom tuneform_trainer.cli import main\n\nmain()\n";
  fs.writeFileSync(inImage("bin", "tuneform-trainer"), program, { mode: 0o755 });
  const tiny = await tinyModel();
  const base = readBaseFolder(tiny);
  if (typeof base === "string") throw new Error(base);
  fs.cpSync(tiny, inImage("bases", base.digest.slice(0, 12)), { recursive: true });
  return folder;
}
