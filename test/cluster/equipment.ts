import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { readBaseFolder } from "../../loading/base-folder.ts";
import { withFolderLock } from "../../setup/folder-lock.ts";
import { ensureUv, findPython, indexSettings, UV_VERSION } from "../../setup/uv.ts";
import { tinyModel } from "../engine/fixtures.ts";
import { has } from "../engine/tier.ts";
import { addCodeLayer } from "./code-layer.ts";
import { chooseProvider } from "./provider.ts";

/**
 * The cluster that these tests run on: the one of KUBECONFIG, with a trainer image loaded under the name in
 * TUNEFORM_TEST_IMAGE, or a one-node cluster from the test equipment beside the checkout.
 */
export interface TestCluster {
  kubeconfig: string;
  image: string;
  storageClass: string;
  /** By KUBECONFIG, and not from the test equipment. */
  isGiven: boolean;
}

const root = path.resolve(import.meta.dirname, "..", "..");
const lab = process.env["TUNEFORM_LAB"] ?? path.resolve(root, "..", "shared", "lab", "lab");
/** What tests keep from one run to the next. */
export const cache = path.join(
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

/** Bring the cluster up. Seconds where it was built before, up to 20 minutes where not. */
export async function startCluster(say: (line: string) => void): Promise<TestCluster> {
  const storageClass =
    process.env["TUNEFORM_TEST_STORAGE_CLASS"] ?? (given === undefined ? "local-path" : "standard");
  // npm says in NODE which program runs it; the equipment would take that for its node's name.
  delete process.env["NODE"];
  const image = process.env["TUNEFORM_TEST_IMAGE"] ?? "";
  // Test files beside each other share the cluster.
  return withFolderLock(path.join(cache, "cluster.lock"), say, async () => {
    await chooseProvider(cache, say);
    if (given !== undefined) return { kubeconfig: given, image, storageClass, isGiven: true };
    return { ...(await startEquipment(say)), storageClass, isGiven: false };
  });
}

async function startEquipment(say: (line: string) => void): Promise<{ kubeconfig: string; image: string }> {
  const began = Date.now();
  const seconds = () => `${Math.round((Date.now() - began) / 1000)} s`;
  // The same lock as in .ci/run, which begins the build in the background.
  await execa("flock", [path.join(os.tmpdir(), "tuneform-lab.lock"), "bash", lab, "build", "kube"]);
  // One that runs already is taken as it is; what an ended session left, or the removed folder that it was started
  // from, would be started again with it.
  const ready = ["wait", "--for=condition=Ready", "node", "--all", "--timeout=20s"];
  const isUp = !(await execa("bash", [lab, "kubectl", ...ready], { reject: false })).failed;
  if (!isUp) {
    forgetEnded(await labState());
    await execa("bash", [lab, "down", "--wipe"], { reject: false });
    await execa("bash", [lab, "up"]);
  }
  const { stdout } = await execa("bash", ["-c", `eval "$(bash '${lab}' env)" && echo "$KUBECONFIG"`]);
  const kubeconfig = stdout.trim();
  say(`cluster: up after ${seconds()}`);
  const image = await loadedImage(say);
  say(`cluster: image ${image} after ${seconds()}`);
  return { kubeconfig, image };
}

/** SIGKILL to a container, by the node itself: crictl is not everywhere, containerd's own client is. */
export async function killOnNode(cluster: TestCluster, containerId: string): Promise<void> {
  if (given !== undefined) throw new Error(`not on a given cluster (${cluster.kubeconfig})`);
  const { ctr } = await onNode();
  await ctr(["task", "kill", "-s", "SIGKILL", containerId]);
}

/** Its process numbers may be another process's by now, and `down` kills them. */
function forgetEnded(state: string): void {
  const file = path.join(state, "init");
  if (!fs.existsSync(file)) return;
  const commandLine = path.join("/proc", fs.readFileSync(file, "utf8").trim(), "cmdline");
  const isOurs = fs.existsSync(commandLine) && fs.readFileSync(commandLine, "utf8").includes("inside.sh");
  if (!isOurs) for (const name of ["init", "pid"]) fs.rmSync(path.join(state, name), { force: true });
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

/** containerd of the test equipment's node, and a way to load an archive into it. */
export async function onNode() {
  const init = fs.readFileSync(path.join(await labState(), "init"), "utf8").trim();
  const ctr = async (args: string[]) =>
    (await execa("nsenter", ["-t", init, "-m", "-n", "-p", "ctr", "-n", "k8s.io", ...args])).stdout;
  const load = (archive: string) => execa("bash", [lab, "load", archive]);
  return { ctr, load };
}

/**
 * A way from the test equipment's API server to Services, which it lacks: it asks the webhooks of what is installed
 * into the cluster there. Lasts as long as the cluster is up.
 */
export async function routeToServices(): Promise<void> {
  const init = fs.readFileSync(path.join(await labState(), "init"), "utf8").trim();
  const route = ["ip", "route", "replace", "10.96.0.0/12", "dev", "eth0", "src", "10.84.0.2"];
  await execa("nsenter", ["-t", init, "-n", ...route]);
}

/** The trainer's locked environment as an image, made once per lock file, and the project's code on top of it. */
async function loadedImage(say: (line: string) => void): Promise<string> {
  const { ctr, load } = await onNode();
  const has = async (image: string) => (await ctr(["images", "ls", "-q"])).split("\n").includes(image);
  const lock = createHash("sha256").update(fs.readFileSync(path.join(trainer, "requirements.lock")));
  const tag = lock.digest("hex").slice(0, 12);
  const packages = `lab.local/trainer-packages:${tag}`;
  const compiled = `lab.local/trainer-environment:${tag}`;
  const environment = path.join(cache, "image-environment");
  if (!(await has(compiled))) {
    say(`cluster: making ${compiled}, 6 GB, once per lock file: 3 to 8 minutes`);
    await buildEnvironment(environment, say);
    if (!(await has(packages)))
      await execa("bash", [lab, "image", packages, environment], { stdio: ["ignore", "ignore", "inherit"] });
    const folder = await compiledFolder(environment);
    const env = [`PYTHONPYCACHEPREFIX=${COMPILED}`];
    await addCodeLayer({ base: packages, name: compiled, folder, env, ctr, load });
    fs.rmSync(folder, { recursive: true });
  }
  const name = "lab.local/tuneform-trainer:test";
  const folder = await codeFolder();
  await addCodeLayer({ base: compiled, name, folder, ctr, load });
  fs.rmSync(folder, { recursive: true });
  return name;
}

const COMPILED = "/opt/compiled";

/**
 * Bytecode of Python and its packages, which the equipment's images leave out: without it each of a Job's
 * five stages would compile torch and transformers anew.
 */
async function compiledFolder(environment: string): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-compiled-"));
  const python = path.join(environment, "bin", "python");
  const { stdout: library } = await execa(python, ["-c", "import os; print(os.path.dirname(os.__file__))"]);
  const packages = path.join(environment, "lib");
  const scratch = path.join(folder, "scratch");
  // By hash and unchecked: times of files in an image are not those of the files here.
  const compile = ["-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash"];
  const env = { PYTHONPYCACHEPREFIX: scratch };
  await execa(python, [...compile, library, packages], { env, reject: false });
  const target = path.join(folder, COMPILED);
  fs.mkdirSync(path.join(target, "opt", "venv"), { recursive: true });
  fs.renameSync(path.join(scratch, packages), path.join(target, "opt", "venv", "lib"));
  fs.mkdirSync(path.join(target, path.dirname(library)), { recursive: true });
  fs.renameSync(path.join(scratch, library), path.join(target, library));
  fs.rmSync(scratch, { recursive: true, force: true });
  return folder;
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
