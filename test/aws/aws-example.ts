import type { GpuId } from "../../core/catalog/gpus.ts";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { planAws, type AwsPlan } from "../../core/plan/aws-plan.ts";
import { planPools } from "../../core/plan/gpu-pools.ts";
import { awsSchema } from "../../core/spec/aws.ts";
import { TEST_STACK } from "../unit/pooled-stack.ts";

export const ADMIN = "arn:aws:iam::111122223333:role/deploy";
export const VPC = "vpc-0123456789abcdef0";
export const SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"];

/** A network and a cluster that are there already. */
export const EXISTING = {
  network: { vpc: VPC, privateSubnets: SUBNETS },
  cluster: { existing: "shared" },
};

interface Changes {
  network?: object;
  cluster?: object;
  gpu?: object;
}

/** What AWS is asked for, for one fine-tune on this GPU, by the planner; `changes` of `tuneform:aws`. */
export function awsExample(
  { network = {}, cluster = {}, gpu = {} }: Changes = {},
  trainsOn: GpuId = "l4",
): AwsPlan {
  const settings = awsSchema.parse({
    network,
    gpu,
    cluster: {
      adminRoles: [ADMIN],
      autoscalerImage: `registry.example/autoscaler@sha256:${"a1".repeat(32)}`,
      ...cluster,
    },
  });
  const trained = {
    name: "triage",
    hostBytes: 4e9,
    cores: 1,
    flight: { best: { gpu: trainsOn, purchase: "spot" as const } },
  };
  const { pools, ...poolOf } = planPools([trained], [], settings, INSTANCES);
  const fineTunes = [{ name: "triage", owner: "mail", dataKeys: [] }];
  return planAws({ ...TEST_STACK, settings, fineTunes, pools, poolOf });
}
