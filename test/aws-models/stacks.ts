import fs from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { GithubRoles } from "../../components/aws/bootstrap/github-roles.ts";
import { StateStore } from "../../components/aws/bootstrap/state-store.ts";
import { declareStack } from "../../components/stack.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { writeDatasets } from "../../examples/mail/build.ts";
import { readStackFile } from "../../loading/stack-files.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { settings } from "../aws/bootstrap-example.ts";
import { root } from "../unit/kubernetes-example.ts";
import { collectInputs, type Declared } from "./collect-inputs.ts";

/** Changes of sections of `tuneform:aws`. */
type Changes = Partial<Record<"network" | "cluster" | "gpu" | "storage", object>>;

const THERE = {
  vpc: "vpc-0123456789abcdef0",
  privateSubnets: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
};
const BLOCK = {
  purchase: "capacity-block",
  instances: ["p5.4xlarge"],
  capacityReservation: "cr-0123456789abcdef0",
  capacityZone: "use1-az6",
};

/** Stacks that between them declare each resource in each of its forms. */
export const VARIANTS: Record<string, Changes> = {
  example: {},
  "spot, karpenter, bottlerocket": { gpu: { nodes: "karpenter", purchase: "spot", ami: "bottlerocket" } },
  "spot, node groups": { gpu: { purchase: "spot", ami: "bottlerocket", scaleDown: "0 20 * * *" } },
  "capacity block": { gpu: BLOCK },
  "no way out": { network: { egress: "endpoints" } },
  "auto mode": { gpu: { nodes: "auto-mode" } },
  "an API that is open to a network": { cluster: { publicAccessCidrs: ["203.0.113.0/24"] } },
  "bases in the bucket": { storage: { bases: "bucket" } },
  "an existing cluster": { network: THERE, cluster: { existing: "shared" } },
};

/** The plan of the example's stack with changed settings; one of its fine-tunes is enough but once. */
export async function planOf(changes: Changes): Promise<StackPlan> {
  const data = path.join(root, "examples", "mail", "data");
  if (!fs.existsSync(path.join(data, "mail-routing.jsonl"))) await writeDatasets(data);
  const { config } = readStackFile(root, "aws.example");
  const given = config.aws!;
  const sections = Object.entries(changes) as [keyof Changes, object][];
  const changed = sections.map(([section, change]) => [section, { ...given[section], ...change }]);
  const aws = { ...given, ...(Object.fromEntries(changed) as object) };
  const models = sections.length === 0 ? config.models : "examples/aws/route-stablelm.yaml";
  return await loadStackPlan({ root, stack: "test", config: { ...config, models, aws } });
}

/** AWS's resources of a stack. */
export async function declaredBy(changes: Changes): Promise<Declared[]> {
  const plan = await planOf(changes);
  return collectInputs("test", () => declareStack(plan));
}

/** AWS's resources of the bootstrap, as `bootstrap/aws/index.ts` declares them. */
export const declaredByBootstrap = (): Promise<Declared[]> =>
  collectInputs("account", async () => {
    const store = new StateStore("store", { settings });
    const roles = new GithubRoles("github", { settings, store });
    return new Promise((resolve) => pulumi.output(roles.deployRoleArn).apply(resolve));
  });
