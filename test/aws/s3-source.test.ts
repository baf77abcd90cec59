import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Job, Manifest } from "../../core/kubernetes/manifest.ts";
import { stackManifests } from "../../core/kubernetes/stack-manifests.ts";
import { BUCKET_CLAIM } from "../../core/plan/aws-plan.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { InvalidInput } from "../../core/spec/problems.ts";
import { parseStackConfig, type StackConfig } from "../../core/spec/stack.ts";
import { readDataParts } from "../../loading/data-parts.ts";
import { readDevicePlugin } from "../../loading/device-plugin.ts";
import { readStackFile } from "../../loading/stack-files.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { good, rows } from "../bad-input-cases.ts";
import { containersOf, ofKind, root as project } from "../unit/kubernetes-example.ts";

const KEY = "datasets/mail/triage.jsonl";
const CONTENT = rows(100);
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

/** A source in S3, as a model file has it. */
const inS3 = (changes: { s3?: string; sha256?: string } = {}) => {
  const { s3 = `s3://acme-models/${KEY}`, sha256 = SHA256 } = changes;
  return good.replace(
    "{ file: ../data/rows.jsonl }",
    `{ s3: "${s3}", sha256: "${sha256}", copy: ../data/rows.jsonl }`,
  );
};

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-s3-"));
  for (const folder of ["data", "models"]) fs.mkdirSync(path.join(root, folder));
  fs.writeFileSync(path.join(root, "data", "rows.jsonl"), CONTENT);
  fs.cpSync(path.join(project, "manifests"), path.join(root, "manifests"), { recursive: true });
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** The example stack on AWS, with a bucket of this name. */
function onAws(bucket: string | null): StackConfig {
  const { config } = readStackFile(project, "aws.example");
  const { aws, kubernetes } = config;
  return {
    ...config,
    models: "models/*.yaml",
    kubernetes: { ...kubernetes!, tokenSecret: "hub-token" },
    aws: { ...aws!, storage: { bucket, bases: "volume" } },
  };
}

function plan(models: Record<string, string>, config: StackConfig): Promise<StackPlan> {
  for (const [name, text] of Object.entries(models))
    fs.writeFileSync(path.join(root, "models", `${name}.yaml`), text);
  return loadStackPlan({ root, stack: "test", config });
}

const problemsOf = async (model: string, config: StackConfig = onAws("acme-models")): Promise<string> => {
  const error = await plan({ triage: model }, config).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InvalidInput);
  return (error as InvalidInput).problems
    .map(({ path, message, hint }) => `${path}: ${message}; ${hint}`)
    .join("\n");
};

describe("a source in S3", () => {
  it("is planned from its copy, like a file of the same rows", async () => {
    const [there] = (await plan({ triage: inS3() }, onAws("acme-models"))).fineTunes;
    const [here] = (await plan({ triage: good }, onAws("acme-models"))).fineTunes;
    expect(there?.run.data.sources[0]?.sha256).toBe(SHA256);
    expect([there?.rows, there?.tokens, there?.runId]).toEqual([here?.rows, here?.tokens, here?.runId]);
  });

  it("becomes a right to read its key, and none of another fine-tune's", async () => {
    const other = good.replace("triage", "other");
    fs.writeFileSync(path.join(root, "data", "more.jsonl"), rows(120));
    const models = { triage: inS3(), other: other.replace("rows.jsonl", "more.jsonl") };
    const { aws } = await plan(models, onAws("acme-models"));
    expect(Object.fromEntries(aws!.fineTunes.map(({ name, dataKeys }) => [name, dataKeys]))).toEqual({
      triage: [KEY],
      other: [],
    });
  });

  it("may lie in a bucket that the stack makes, whose name only AWS knows", async () => {
    const { aws } = await plan({ triage: inS3() }, onAws(null));
    expect(aws!.fineTunes[0]?.dataKeys).toEqual([KEY]);
  });

  it("may be too large for Secrets, which a file may not", async () => {
    const digests = (row: number) =>
      Array.from({ length: 12 }, (_, i) => createHash("sha512").update(`${row} ${i}`).digest("base64"));
    const large = Array.from({ length: 12_000 }, (_, i) =>
      JSON.stringify({ id: `r${i}`, text: digests(i).join(" "), label: i % 2 === 0 ? "spam" : "ham" }),
    ).join("\n");
    fs.writeFileSync(path.join(root, "data", "rows.jsonl"), large);
    const sha256 = createHash("sha256").update(large).digest("hex");
    expect(await problemsOf(good)).toMatch(/Secrets take up to/);
    expect((await plan({ triage: inS3({ sha256 }) }, onAws("acme-models"))).kubernetes!.dataFiles).toEqual(
      {},
    );
  });
});

describe("a source in S3 is refused", () => {
  it("where the copy is another file than the object", async () => {
    const sha256 = "0".repeat(64);
    expect(await problemsOf(inS3({ sha256 }))).toMatch(
      new RegExp(
        `^data\\.source: .*rows\\.jsonl has sha256 ${SHA256}, and the object in S3 is said to have ${sha256}`,
      ),
    );
  });

  it("where the copy is not there, with the command that fetches it", async () => {
    fs.rmSync(path.join(root, "data", "rows.jsonl"));
    expect(await problemsOf(inS3())).toMatch(
      /rows\.jsonl does not exist; aws s3 cp s3:\/\/acme-models\/datasets\/mail\/triage\.jsonl data\/rows\.jsonl/,
    );
  });

  it("in another bucket than the stack's", async () => {
    expect(await problemsOf(inS3(), onAws("acme-other"))).toMatch(
      /^data\.source: is in bucket acme-models, and the stack's is acme-other; copy it to s3:\/\/acme-other/,
    );
  });

  it.each(["local", "kubernetes"])("by target %s, which has no bucket", async (target) => {
    const kubernetes = {
      trainerImage: `registry.example/trainer@sha256:${"a1".repeat(32)}`,
      storageClass: "standard",
    };
    const config = parseStackConfig(
      { target, ...(target === "local" ? {} : { kubernetes: JSON.stringify(kubernetes) }) },
      "Pulumi.test.yaml",
    );
    expect(await problemsOf(inS3(), config)).toMatch(/only stacks of target aws have one/);
  });

  it("by the id of a version, which Mountpoint cannot read: its digest is the pin", async () => {
    const s3 = `s3://acme-models/${KEY}?versionId=3HL4kqtJlcpXroDTDmJ-rmSpXd3dIbrH`;
    expect(await problemsOf(inS3({ s3 }))).toMatch(
      /^data\.source\.s3: names a version, which a mounted bucket cannot read → leave \?versionId=… out: sha256 pins what/,
    );
  });

  it.each([
    ["outside datasets/", "s3://acme-models/adapters/triage.jsonl"],
    ["the folder alone", "s3://acme-models/datasets/"],
    ["a folder", "s3://acme-models/datasets/mail/"],
    ["all of a folder, as a policy reads it", "s3://acme-models/datasets/*"],
    ["out of the folder", "s3://acme-models/datasets/../adapters/triage.jsonl"],
    ["a segment that a mounted bucket cannot show", "s3://acme-models/datasets//triage.jsonl"],
    ["without a bucket", "s3:///datasets/triage.jsonl"],
    ["by http", "https://acme-models.s3.amazonaws.com/datasets/triage.jsonl"],
  ])("%s", async (_what, s3) => {
    expect(await problemsOf(inS3({ s3 }))).toMatch(
      /^data\.source\.s3: must be s3:\/\/<bucket>\/datasets\/<key>/,
    );
  });
});

describe("the Job of a fine-tune whose data lies in S3", () => {
  let jobs: Job[];
  let manifests: Manifest[];
  beforeEach(async () => {
    const made = await plan({ triage: inS3() }, onAws("acme-models"));
    manifests = stackManifests(made, readDataParts(made.kubernetes!.dataFiles), readDevicePlugin(project));
    jobs = ofKind<Job>(manifests, "Job");
  });
  const containers = () => {
    const job = jobs.find(({ spec }) => spec.template.spec.initContainers !== undefined);
    return Object.fromEntries(containersOf(job!.spec.template.spec).map((each) => [each.name, each]));
  };

  it("copies it from the mounted bucket in its first stage, under its digest", () => {
    expect(containers()["stage"]?.args).toEqual(
      expect.arrayContaining(["--mounted", `${SHA256}=/bucket/${KEY}`]),
    );
    expect(ofKind(manifests, "Secret")).toEqual([]);
  });

  it("shows the bucket to its first stage, which cannot write to it, and to its last", () => {
    const mounts = Object.values(containers()).flatMap(({ name, volumeMounts }) =>
      volumeMounts.filter((mount) => mount.name === "bucket").map((mount) => [name, mount.readOnly ?? false]),
    );
    expect(mounts).toEqual([
      ["stage", true],
      ["publish", false],
    ]);
  });

  it("has its workspace, and so its checkpoints, on another volume", () => {
    const claims = jobs.flatMap(({ spec }) =>
      spec.template.spec.volumes.flatMap((each) => {
        const claim = each["persistentVolumeClaim"] as { claimName: string } | undefined;
        return claim === undefined ? [] : [[each.name, claim.claimName]];
      }),
    );
    expect(new Map(claims as [string, string][])).toEqual(
      new Map([
        ["workspace", "workspace"],
        ["bucket", BUCKET_CLAIM],
      ]),
    );
    for (const { args, volumeMounts } of Object.values(containers())) {
      const folder = args[args.indexOf("--workspace") + 1];
      expect(volumeMounts).toContainEqual(expect.objectContaining({ name: "workspace", mountPath: folder }));
    }
  });

  it("gives the hub's token to the Job that fetches the base model, and to nothing else", () => {
    const withToken = jobs.flatMap(({ metadata, spec }) =>
      containersOf(spec.template.spec).flatMap(({ name, env }) =>
        env.some((variable) => variable.name === "HF_TOKEN")
          ? [`${metadata.labels["app.kubernetes.io/component"]}/${name}`]
          : [],
      ),
    );
    expect(withToken).toEqual(["staging/stage"]);
  });

  it("opens no way to the agent that hands out roles: Mountpoint's driver asks it, and not the Job's pods", () => {
    const policies = ofKind(manifests, "NetworkPolicy");
    expect(policies.length).toBeGreaterThan(0);
    expect(JSON.stringify(policies)).not.toContain("169.254.170.23");
  });
});
