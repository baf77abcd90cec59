import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa, execaSync } from "execa";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { PULUMI_VERSION } from "../../setup/pulumi-cli.ts";
import { isProgram } from "../../setup/search-path.ts";
import { has, tierRuns } from "../engine/tier.ts";

const root = path.resolve(import.meta.dirname, "..", "..");
const folder = path.join(root, ".github", "workflows");
const files = fs.readdirSync(folder);
const read = (file: string) => fs.readFileSync(path.join(folder, file), "utf8");

interface Step {
  uses?: string;
  run?: string;
  if?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}
interface Job {
  permissions?: Record<string, string>;
  "timeout-minutes"?: unknown;
  environment?: string;
  if?: string;
  steps: Step[];
}
interface Workflow {
  on: Record<string, unknown>;
  permissions: object;
  concurrency: Record<string, unknown>;
  jobs: Record<string, Job>;
}
const workflow = (file: string) => load(read(file)) as Workflow;
const jobs = files.flatMap((file) =>
  Object.entries(workflow(file).jobs).map(([name, job]) => ({ file, name, job })),
);
const steps = jobs.flatMap(({ job, name }) => job.steps.map((step) => ({ ...step, job: name })));
const job = (file: string, name: string) => workflow(file).jobs[name] as Job;

describe("the workflows", () => {
  it("pin every action by commit, with its version beside it, and each action once", () => {
    const uses = files.flatMap((file) =>
      [...read(file).matchAll(/uses: (.*)/g)].map(([, what]) => what ?? ""),
    );
    expect(uses.length).toBeGreaterThan(10);
    for (const what of uses) expect(what).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    const names = new Set(uses.map((what) => what.split("@")[0]));
    expect(new Set(uses).size).toBe(names.size);
  });

  it("give no permission but by job, and end every job at some time", () => {
    for (const file of files) expect(workflow(file).permissions).toEqual({});
    for (const { name, job } of jobs) {
      expect(job.permissions?.["contents"], name).toBe("read");
      expect(job["timeout-minutes"], name).toBeDefined();
    }
  });

  it("let no expression into a shell: it comes as an environment variable", () => {
    for (const { run = "" } of steps) expect(run).not.toContain("${{");
  });

  it("keep the token of a checkout out of the checkout", () => {
    const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout"));
    for (const step of checkouts) expect(step.with?.["persist-credentials"]).toBe(false);
  });

  it("take the Pulumi CLI that the project pins", () => {
    const versions = steps
      .filter(({ uses }) => uses?.startsWith("pulumi/"))
      .map((step) => step.with?.["pulumi-version"]);
    expect(new Set(versions)).toEqual(new Set([PULUMI_VERSION]));
  });
});

describe("a pull request", () => {
  const file = "pull-request.yml";

  it("starts them as itself, never with the base repository's rights", () => {
    expect(Object.keys(workflow(file).on)).toEqual(["pull_request"]);
    expect(read(file)).not.toContain("secrets.");
  });

  it("is commented on by one job, which installs nothing and runs the base commit's script", () => {
    const writers = jobs.filter(({ job }) => Object.values(job.permissions ?? {}).includes("write"));
    expect(writers.map(({ name }) => name)).toEqual(["up", "comment", "preview"]);
    const { permissions, steps } = job(file, "comment");
    expect(permissions).toEqual({ contents: "read", "pull-requests": "write" });
    expect(steps[0]?.with?.["ref"]).toBe("${{ github.event.pull_request.base.sha }}");
    expect(steps.flatMap(({ run }) => run ?? [])).toEqual(["node .github/scripts/comment.ts"]);
  });

  it("has its own code run where no token writes", () => {
    for (const name of ["checks", "plan"]) expect(job(file, name).permissions).toEqual({ contents: "read" });
  });

  it("of a fork is not previewed", () => {
    expect(job(file, "preview").if).toContain(
      "github.event.pull_request.head.repo.full_name == github.repository",
    );
    expect(job(file, "preview").permissions).toEqual({ contents: "read", "id-token": "write" });
  });
});

describe("a deployment", () => {
  it("runs through the protected environment, from main alone, and is never cancelled by the next", () => {
    const { on, concurrency } = workflow("deploy.yml");
    expect(on).toEqual({ push: { branches: ["main"] } });
    expect(concurrency).toEqual({ group: "deploy", "cancel-in-progress": false });
    expect(job("deploy.yml", "up").environment).toBe("production");
  });

  it("leaves workspace and servers of a runner of one's own alone", () => {
    const { steps } = job("deploy.yml", "up");
    expect(steps[0]?.with?.["clean"]).toBe(false);
    const up = steps.find((step) => step.with?.["command"] === "up");
    expect(up?.env?.["RUNNER_TRACKING_ID"]).toBe("");
  });
});

const ACTIONLINT_VERSION = "1.7.12";

/** actionlint of the pinned version: from the cache, or built there once by Go. Null where neither can be. */
function actionlint(): string | null {
  const cache = process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform");
  const bin = path.join(cache, "test", "bin");
  const program = path.join(bin, "actionlint");
  const isPinned = () =>
    isProgram(program) && execaSync(program, ["-version"]).stdout.startsWith(`v${ACTIONLINT_VERSION}`);
  if (isPinned()) return program;
  if (!has("go")) return null;
  console.warn(`building actionlint ${ACTIONLINT_VERSION} with Go, once`);
  fs.mkdirSync(bin, { recursive: true });
  const module = `github.com/rhysd/actionlint/cmd/actionlint@v${ACTIONLINT_VERSION}`;
  const built = execaSync("go", ["install", module], { env: { GOBIN: bin }, reject: false });
  if (built.failed) console.warn(built.stderr);
  return isPinned() ? program : null;
}

const program = actionlint();
const lints = tierRuns("actionlint", program === null ? ["actionlint, or Go with a module proxy"] : []);
if (lints && !has("shellcheck"))
  console.warn("\n!!! shellcheck is not on PATH: actionlint leaves `run:` unread\n");

describe.runIf(lints)("actionlint", () => {
  const lint = (...args: string[]) => execa(program ?? "", args, { cwd: root, reject: false, all: true });

  it("finds nothing in the workflows", async () => {
    const { all, exitCode } = await lint(...files.map((file) => path.join(folder, file)));
    expect({ all, exitCode }).toEqual({ all: "", exitCode: 0 });
  });

  it("would find somebody's text in a shell", async () => {
    const bad = read("pull-request.yml").replace("npm test", "echo ${{ github.event.pull_request.title }}");
    const { all, exitCode } = await execa(program ?? "", ["-"], { input: bad, reject: false, all: true });
    expect(exitCode).toBe(1);
    expect(all).toContain("untrusted");
  });
});
