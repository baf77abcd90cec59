import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Container, Deployment, Job, Manifest } from "../../core/kubernetes/manifest.ts";
import { stackManifests } from "../../core/kubernetes/stack-manifests.ts";
import { serverReads } from "../../core/plan/server-reads.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { readDataParts } from "../../loading/data-parts.ts";
import { readDevicePlugin } from "../../loading/device-plugin.ts";
import { readStackFile } from "../../loading/stack-files.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { containersOf, ofKind, root } from "../unit/kubernetes-example.ts";
import { ownBase, type OwnBase } from "./own-base.ts";

let own: OwnBase;
beforeAll(() => void (own = ownBase()));
afterAll(() => fs.rmSync(own.folder, { recursive: true }));

type Bases = "volume" | "bucket";

function planWith(bases: Bases, engine: "vllm" | "cpu" = "vllm"): Promise<StackPlan> {
  const { config } = readStackFile(root, "aws.example");
  const { aws, kubernetes } = config;
  return loadStackPlan({
    root,
    stack: "test",
    files: [own.model],
    config: {
      ...config,
      kubernetes: { ...kubernetes!, engine },
      aws: { ...aws!, storage: { bucket: "acme-models", bases } },
    },
  });
}

const manifestsOf = (plan: StackPlan) =>
  stackManifests(plan, readDataParts(plan.kubernetes!.dataFiles), readDevicePlugin(root));

const serverOf = (manifests: Manifest[]) =>
  ofKind<Deployment>(manifests, "Deployment").find(({ metadata }) => metadata.name.startsWith("server-"))!
    .spec.template.spec;

const stagesOf = (manifests: Manifest[]) =>
  ofKind<Job>(manifests, "Job").flatMap(({ spec }) => containersOf(spec.template.spec));

const claimsOf = (volumes: Record<string, unknown>[]) =>
  volumes.flatMap(({ persistentVolumeClaim }) =>
    persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim],
  );

const bucketMount = ({ name, volumeMounts }: Container) => {
  const mount = volumeMounts.find((each) => each.name === "bucket");
  return [name, mount === undefined ? "none" : mount.readOnly === true ? "read" : "write"];
};

describe("a base in a folder, of a stack whose bases lie in the bucket", () => {
  let plan: StackPlan;
  let manifests: Manifest[];
  beforeAll(async () => {
    plan = await planWith("bucket");
    manifests = manifestsOf(plan);
  });

  it("is read where a person uploaded it, under its digest, which is verified before a run", () => {
    const { weights } = plan.fineTunes[0]!.run.base;
    expect(weights).toMatchObject({ kind: "folder", path: `/bucket/models/${own.digest}` });
    expect(weights.kind === "folder" && weights.digest.slice(0, 12)).toBe(own.digest);
  });

  it("makes no other run of a fine-tune than on the volume", async () => {
    const [there] = (await planWith("volume")).fineTunes;
    expect(plan.fineTunes[0]!.runId).toBe(there!.runId);
    expect(plan.fineTunes[0]!.evaluationDigest).toBe(there!.evaluationDigest);
  });

  it("tells how it comes there, before anything is made", () => {
    expect(plan.notes.join("\n")).toContain(`aws s3 sync FOLDER s3://acme-models/models/${own.digest}/`);
  });

  it("is seen by every stage, of which the last alone can write, and to what it publishes", () => {
    expect(stagesOf(manifests).map(bucketMount)).toEqual([
      ["stage", "read"],
      ["prepare", "read"],
      ["train", "read"],
      ["evaluate", "read"],
      ["publish", "write"],
    ]);
  });

  it("is mounted whole, so that `stage` can tell what is not there, and not the kubelet", () => {
    expect(JSON.stringify(manifests)).not.toContain("subPath");
  });

  it("is served with the published adapter, from the bucket alone", () => {
    const spec = serverOf(manifests);
    const [container] = spec.containers;
    expect(container!.args).toEqual(
      expect.arrayContaining([
        `/bucket/models/${own.digest}`,
        expect.stringMatching(
          /^route-own-[0-9a-f]{12}=\/bucket\/adapters\/route-own\/[0-9a-f]{12}\/adapter$/,
        ),
      ]),
    );
    expect(claimsOf(spec.volumes)).toEqual([{ claimName: "bucket", readOnly: true }]);
    expect(JSON.stringify(spec)).not.toContain("/workspace");
  });

  it("is what the server's role reads, besides adapters of its fine-tunes", () => {
    const [server] = plan.servers;
    expect(plan.aws!.servers).toEqual([
      { key: server!.key, adaptersOf: ["route-own"], baseKey: `models/${own.digest}` },
    ]);
    expect(serverOf(manifests).serviceAccountName).toBe(`server-${server!.key}`);
  });
});

describe("a base in a folder, of a stack whose bases lie on the volume", () => {
  let manifests: Manifest[];
  beforeAll(async () => void (manifests = manifestsOf(await planWith("volume"))));

  it("is not looked for in the bucket by what trains", () => {
    expect(stagesOf(manifests).map(bucketMount)).toEqual([
      ["stage", "none"],
      ["prepare", "none"],
      ["train", "none"],
      ["evaluate", "none"],
      ["publish", "write"],
    ]);
  });

  it("is served from the volume, with adapters from the bucket, and writes to neither", () => {
    const spec = serverOf(manifests);
    expect(spec.containers[0]!.args).toContain(`/workspace/bases/${own.digest}`);
    expect(spec.containers[0]!.args.at(-1)).toMatch(/=\/bucket\/adapters\/route-own\//);
    expect(claimsOf(spec.volumes)).toEqual([
      { claimName: "workspace", readOnly: true },
      { claimName: "bucket", readOnly: true },
    ]);
  });
});

it("merged weights are served from the volume alone: they are not in the bucket, and neither account nor role is there", async () => {
  const { config } = readStackFile(root, "aws.example");
  const files = [path.join(root, "examples", "aws", "route-stablelm.yaml")];
  const plan = await loadStackPlan({ root, stack: "test", config, files });
  const spec = serverOf(manifestsOf(plan));
  expect(plan.servers.map(({ weights }) => weights)).toEqual(["merged"]);
  expect(spec.containers[0]!.args[0]).toMatch(/^\/workspace\/runs\/[0-9a-f]{12}\/merged$/);
  expect(claimsOf(spec.volumes)).toEqual([{ claimName: "workspace", readOnly: true }]);
  expect(spec).not.toHaveProperty("serviceAccountName");
  expect(plan.aws!.servers).toEqual([]);
});

describe("the trainer's own server", () => {
  it("finds its adapters in the registry of the workspace, and reads the bucket for its base alone", async () => {
    const plan = await planWith("bucket", "cpu");
    const spec = serverOf(manifestsOf(plan));
    expect(claimsOf(spec.volumes)).toHaveLength(2);
    expect(plan.aws!.servers).toEqual([
      { key: plan.servers[0]!.key, adaptersOf: [], baseKey: `models/${own.digest}` },
    ]);
  });

  it("has no account and no role where its base lies on the volume", async () => {
    const plan = await planWith("volume", "cpu");
    const spec = serverOf(manifestsOf(plan));
    expect(spec).not.toHaveProperty("serviceAccountName");
    expect(claimsOf(spec.volumes)).toEqual([{ claimName: "workspace", readOnly: true }]);
    expect(plan.aws!.servers).toEqual([]);
  });
});

it("without a bucket a server reads everything from the workspace", async () => {
  const { servers, fineTunes } = await planWith("volume");
  expect(serverReads(servers[0]!, fineTunes, false)).toEqual({
    workspace: true,
    adaptersOf: [],
    baseKey: null,
  });
});
