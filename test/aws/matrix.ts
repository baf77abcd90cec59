import fs from "node:fs";
import path from "node:path";
import { AwsStack } from "../../components/aws/stack.ts";
import { devicePluginManifests } from "../../core/kubernetes/device-plugin.ts";
import { clusterOf } from "../../core/kubernetes/names.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { AMI_FAMILIES, NODE_MAKERS } from "../../core/spec/aws.ts";
import { parseStackConfig } from "../../core/spec/stack.ts";
import { writeDatasets } from "../../examples/mail/build.ts";
import { readDataParts } from "../../loading/data-parts.ts";
import { readDevicePlugin } from "../../loading/device-plugin.ts";
import { connectionOf } from "../../loading/kubernetes-client.ts";
import { readStackFile } from "../../loading/stack-files.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { root } from "../unit/kubernetes-example.ts";
import { ownBase } from "./own-base.ts";

type Settings = Record<string, object>;

/** A stack on AWS that is to hold every rule. */
export interface Combination {
  title: string;
  /** Laid over `tuneform:aws` of the example, section by section. */
  changes: Settings;
  /** Laid over `tuneform:kubernetes` of the example. */
  inside: object;
  models: string[];
}

/** Stands for a fine-tune on a base in a folder. */
const OWN_BASE = "own base";
/** Two that train on the same type, so that there is a pool to share, and one that no GPU serves. */
const MODELS = ["route-phi-3-mini", "route-mistral-7b", "route-stablelm"];

export const CLUSTERS: Record<string, Settings> = {
  "a new cluster": {},
  "a cluster that is there": {
    cluster: { existing: "shared" },
    network: {
      vpc: "vpc-0aaaaaaaaaaaaaaaa",
      privateSubnets: ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
    },
  },
};

const PURCHASES = ["on-demand", "spot", "capacity-block"] as const;
const BLOCK = {
  instances: ["p5.4xlarge"],
  capacityReservation: "cr-0123456789abcdef0",
  capacityZone: "use1-az4",
};

/** Auto Mode has images of its own, and only node groups take a capacity block. */
const isPossible = (nodes: string, ami: string, purchase: string): boolean =>
  (nodes !== "auto-mode" || ami === "al2023") && (purchase !== "capacity-block" || nodes === "node-groups");

function cross(): Combination[] {
  const all: Combination[] = [];
  for (const [cluster, changes] of Object.entries(CLUSTERS))
    for (const nodes of NODE_MAKERS)
      for (const ami of AMI_FAMILIES)
        for (const purchase of PURCHASES)
          if (isPossible(nodes, ami, purchase)) {
            const place =
              changes["network"] === undefined ? {} : { capacitySubnet: "subnet-0bbbbbbbbbbbbbbbb" };
            const gpu = {
              nodes,
              ami,
              purchase,
              ...(purchase === "capacity-block" ? { ...BLOCK, ...place } : {}),
            };
            const title = `${cluster}, ${nodes}, ${ami}, ${purchase}`;
            all.push({ title, changes: { ...changes, gpu }, inside: {}, models: MODELS });
          }
  return all;
}

export const one = (title: string, changes: Settings, inside: object = {}): Combination => ({
  title,
  changes,
  inside,
  models: MODELS,
});

/** Every combination that the settings allow, and what only one setting makes. */
export const COMBINATIONS: Combination[] = [
  ...cross(),
  one("no way out but endpoints", { network: { egress: "endpoints" } }),
  one("a pool for each fine-tune, ended each evening", {
    gpu: { share: "fine-tune", purchase: "spot", scaleDown: "0 20 * * *" },
  }),
  one("an API for one network, a release of the image, a bucket that is there", {
    cluster: { publicAccessCidrs: ["203.0.113.0/24"] },
    gpu: { releaseVersion: "1.35.6-20260714" },
    storage: { bucket: "acme-models" },
  }),
  one(
    "a cluster with an autoscaler and a kubeconfig of its own",
    {
      ...CLUSTERS["a cluster that is there"],
      cluster: { existing: "shared", autoscalerImage: null },
    },
    { kubeconfig: "shared.kubeconfig", tokenSecret: "hub-token", priorityClass: "training" },
  ),
  { ...one("bases in the bucket", { storage: { bases: "bucket" } }), models: [OWN_BASE, "route-stablelm"] },
  { ...one("nothing that needs a GPU to serve", {}, { engine: "cpu" }), models: ["route-stablelm"] },
];

/** The plan of a combination, by the same loader as `pulumi up`. */
export async function planOf({ changes, inside, models }: Combination, stack = "test"): Promise<StackPlan> {
  await exampleData();
  const { raw } = readStackFile(root, "aws.example");
  const keys = Object.fromEntries(
    Object.entries(raw).map(([key, value]) => [key.replace("tuneform:", ""), value]),
  );
  const given = JSON.parse(keys["aws"] ?? "{}") as Settings;
  const aws = { ...given };
  for (const [section, more] of Object.entries(changes)) aws[section] = { ...given[section], ...more };
  const kubernetes = { ...(JSON.parse(keys["kubernetes"] ?? "{}") as object), ...inside };
  const config = parseStackConfig(
    { ...keys, aws: JSON.stringify(aws), kubernetes: JSON.stringify(kubernetes) },
    "Pulumi.test.yaml",
  );
  const own = models.includes(OWN_BASE) ? ownBase() : null;
  try {
    const files = models.map((name) =>
      name === OWN_BASE && own !== null ? own.model : path.join(root, "examples", "aws", `${name}.yaml`),
    );
    return await loadStackPlan({ root, stack, config, files });
  } finally {
    if (own !== null) fs.rmSync(own.folder, { recursive: true });
  }
}

async function exampleData(): Promise<void> {
  const data = path.join(root, "examples", "mail", "data");
  if (!fs.existsSync(path.join(data, "mail-routing.jsonl"))) await writeDatasets(data);
}

/** Declares a plan as components/stack.ts does, without its lease. */
export function declare(plan: StackPlan): AwsStack {
  const { aws } = plan;
  if (aws === null) throw new Error("a plan of another target");
  return new AwsStack(aws.name, {
    plan,
    aws,
    parts: readDataParts(clusterOf(plan).dataFiles),
    devicePlugin: devicePluginManifests(plan, readDevicePlugin(root)),
    lease: "/lease",
    connection: connectionOf(root, clusterOf(plan)),
  });
}
