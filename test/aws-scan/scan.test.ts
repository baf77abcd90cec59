import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketVolume } from "../../core/aws/bucket-volume.ts";
import { autoscalerManifests } from "../../core/aws/cluster-autoscaler.ts";
import { karpenterManifests } from "../../core/aws/karpenter.ts";
import { storageClasses } from "../../core/aws/storage-classes.ts";
import type { Manifest } from "../../core/kubernetes/manifest.ts";
import { renderFiles } from "../../core/kubernetes/render.ts";
import { stackManifests } from "../../core/kubernetes/stack-manifests.ts";
import { readDataParts } from "../../loading/data-parts.ts";
import { readDevicePlugin } from "../../loading/device-plugin.ts";
import { EnvironmentFailure } from "../../setup/failure.ts";
import { planOf } from "../aws-models/stacks.ts";
import { skipTier } from "../engine/tier.ts";
import { podsOf, root } from "../unit/kubernetes-example.ts";
import { badFiles } from "./bad-manifests.ts";
import { EXCEPTIONS } from "./exceptions.ts";
import { ensureScanner, scan, type Finding } from "./scanner.ts";

async function scanner(): Promise<string | null> {
  try {
    return await ensureScanner();
  } catch (error) {
    if (!(error instanceof EnvironmentFailure)) throw error;
    skipTier("aws-scan", error.message);
    return null;
  }
}

const program = await scanner();

/** Everything that a stack on AWS puts into its cluster, of both makers of nodes. */
async function awsManifests(): Promise<Manifest[]> {
  const plan = await planOf({});
  const { aws, kubernetes } = plan;
  if (aws === null || kubernetes === null) throw new Error("no plan for AWS");
  const facts = { nodeRoleName: "tuneform-nodes", subnetIds: ["subnet-0123456789abcdef0"] };
  return [
    ...stackManifests(plan, readDataParts(kubernetes.dataFiles), readDevicePlugin(root)),
    ...autoscalerManifests(aws, aws.cluster.autoscalerImage ?? ""),
    ...(storageClasses(aws, "fs-0123456789abcdef0") as unknown as Manifest[]),
    bucketVolume(aws, "tuneform-bucket"),
    ...(["karpenter", "auto-mode"] as const).flatMap((nodes) =>
      aws.pools.flatMap((pool) =>
        karpenterManifests(
          { ...aws, gpu: { ...aws.gpu, nodes } },
          { ...pool, name: `${pool.name}-${nodes}` },
          facts,
        ),
      ),
    ),
  ];
}

describe.skipIf(program === null)("manifests, by Trivy's rules for Kubernetes", () => {
  let folder: string;
  let given: number;
  let manifests: Manifest[];
  let result: { files: number; findings: Finding[] };

  /** One scan of everything: most of its time is loading the rules. */
  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-scan-"));
    for (const name of ["gpu", "cpu"])
      fs.cpSync(path.join(root, "test", "golden", "kubernetes", name), path.join(folder, name), {
        recursive: true,
        filter: (file) => !file.endsWith(".txt"),
      });
    manifests = await awsManifests();
    const written = { aws: renderFiles(manifests), bad: badFiles() };
    for (const [name, files] of Object.entries(written)) {
      fs.mkdirSync(path.join(folder, name));
      for (const { file, text } of files) fs.writeFileSync(path.join(folder, name, file), text);
    }
    given = (fs.readdirSync(folder, { recursive: true }) as string[]).filter((file) =>
      file.endsWith(".yaml"),
    ).length;
    result = await scan(program ?? "", folder);
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  const explains = ({ rule, file }: Finding) =>
    EXCEPTIONS.filter((row) => row.rule === rule && row.where.test(file));
  const ours = () => result.findings.filter(({ file }) => !file.startsWith("bad/"));

  it("are looked at, each", () => expect(result.files).toBe(given));

  it("break no rule without a reason", () => {
    expect(ours().filter((finding) => explains(finding).length === 0)).toEqual([]);
  });

  it("have no reason left over", () => {
    expect(EXCEPTIONS.filter((row) => !ours().some((finding) => explains(finding).includes(row)))).toEqual(
      [],
    );
  });

  it("run as a user and a group that are none of the node's", () => {
    // For the rules that see only containers, or every object.
    const pods = podsOf(manifests);
    expect(pods.length).toBeGreaterThan(15);
    for (const { owner, spec } of pods) {
      const { securityContext } = spec as unknown as Record<string, Record<string, number>>;
      for (const key of ["runAsUser", "runAsGroup", "fsGroup"])
        expect(securityContext?.[key], `${owner} ${key}`).toBeGreaterThan(10000);
    }
  });

  it.each([
    ["a privileged container", "KSV017"],
    ["an image of tag latest", "KSV013"],
    ["a container that may become root", "KSV001"],
    ["the node's network", "KSV009"],
    ["a folder of the node", "KSV023"],
    ["a role that may do everything", "KSV044"],
    ["a role that reads all secrets", "KSV041"],
  ])("are refused for %s", (_what, rule) => {
    const found = result.findings.filter(
      (finding) => finding.file.startsWith("bad/") && finding.rule === rule,
    );
    expect(found.flatMap(explains)).toEqual([]);
    expect(found.length).toBeGreaterThan(0);
  });
});
