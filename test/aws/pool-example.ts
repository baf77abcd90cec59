import { ClusterAutoscaler } from "../../components/aws/cluster-autoscaler.ts";
import { EksCluster } from "../../components/aws/cluster.ts";
import { GpuNodePool } from "../../components/aws/gpu-node-pool.ts";
import { Network } from "../../components/aws/network.ts";
import type { GpuId } from "../../core/catalog/gpus.ts";
import type { Purchase } from "../../core/plan/gpu-pools.ts";
import { awsExample } from "./aws-example.ts";
import { declaredBy } from "./declared.ts";

type Changes = Parameters<typeof awsExample>[0];

/** Settings that buy nodes in one way, and the GPU that is sold so. */
export const BOUGHT: Record<Purchase, { gpu: object; trainsOn: GpuId }> = {
  "on-demand": { gpu: { purchase: "on-demand" }, trainsOn: "l4" },
  spot: { gpu: { purchase: "spot" }, trainsOn: "l4" },
  "capacity-block": {
    gpu: {
      purchase: "capacity-block",
      instances: ["p5.4xlarge"],
      capacityReservation: "cr-0123456789abcdef0",
      capacityZone: "use1-az4",
    },
    trainsOn: "h100-80gb",
  },
};

/** What the node groups of a stack and their autoscaler declare, beside its network and cluster. */
export const declaredPools = (changes: Changes, trainsOn?: GpuId) =>
  declaredBy(() => {
    const plan = awsExample(changes, trainsOn);
    const network = new Network("test", { plan });
    const cluster = new EksCluster("test", { plan, network });
    const pools = plan.pools.map((pool) => new GpuNodePool(pool.name, { plan, pool, cluster, network }));
    const { autoscalerImage: image } = plan.cluster;
    const autoscaler = image === null ? [] : new ClusterAutoscaler("test", { plan, cluster, image }).ready;
    return { plan, ready: [...pools.flatMap(({ ready }) => ready), ...autoscaler] };
  });
