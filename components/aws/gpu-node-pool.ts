import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import {
  autoscalerTags,
  capacityType,
  EKS_TAINT,
  gpuLabels,
  nodeGroupName,
  nodeVolumes,
  poolTags,
  zonesOf,
} from "../../core/aws/gpu-nodes.ts";
import { METADATA_OPTIONS, taggedParts } from "../../core/aws/launch-template.ts";
import { NODE_IMAGES } from "../../core/aws/node-images.ts";
import { userData } from "../../core/aws/user-data.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import type { GpuPool } from "../../core/plan/gpu-pools.ts";
import type { EksCluster } from "./cluster.ts";
import type { Network } from "./network.ts";

export interface GpuNodePoolArgs {
  plan: AwsPlan;
  pool: GpuPool;
  cluster: EksCluster;
  network: Network;
}

/**
 * A managed node group of GPU nodes that holds none while nothing needs one. It is tainted, so that nothing else wakes
 * it or keeps it awake.
 */
export class GpuNodePool extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];
  readonly #args: GpuNodePoolArgs;

  constructor(name: string, args: GpuNodePoolArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:GpuNodePool", name, {}, opts);
    this.#args = args;
    const group = this.#declareGroup(this.#declareTemplate());
    this.ready = [group, ...this.#declareTags(group), ...this.#declareSchedule(group)];
    this.registerOutputs({});
  }

  get #tags(): Record<string, string> {
    return poolTags(this.#args.plan, this.#args.pool);
  }

  #declareTemplate(): aws.ec2.LaunchTemplate {
    const { plan, pool } = this.#args;
    const { gpu } = plan;
    const isBlock = pool.purchase === "capacity-block";
    return new aws.ec2.LaunchTemplate(
      pool.name,
      {
        namePrefix: `${nodeGroupName(plan, pool)}-`,
        userData: userData(gpu.ami),
        metadataOptions: METADATA_OPTIONS,
        blockDeviceMappings: nodeVolumes(plan).map(({ deviceName, gib, ...speed }) => ({
          deviceName,
          ebs: {
            volumeType: "gp3",
            volumeSize: gib,
            ...speed,
            encrypted: "true",
            deleteOnTermination: "true",
          },
        })),
        tagSpecifications: taggedParts(this.#tags),
        ...(isBlock && gpu.capacityReservation !== null
          ? {
              instanceType: pool.instances[0]?.type ?? "",
              instanceMarketOptions: { marketType: "capacity-block" },
              capacityReservationSpecification: {
                capacityReservationTarget: { capacityReservationId: gpu.capacityReservation },
              },
            }
          : {}),
        tags: this.#tags,
      },
      { parent: this },
    );
  }

  #declareGroup(template: aws.ec2.LaunchTemplate): aws.eks.NodeGroup {
    const { plan, pool, cluster, network } = this.#args;
    const { gpu } = plan;
    const isBlock = pool.purchase === "capacity-block";
    return new aws.eks.NodeGroup(
      pool.name,
      {
        clusterName: cluster.clusterName,
        nodeGroupName: nodeGroupName(plan, pool),
        nodeRoleArn: cluster.nodeRoleArn,
        subnetIds: this.#subnets(),
        amiType: NODE_IMAGES[gpu.ami].amiType,
        capacityType: capacityType(pool),
        // Of a capacity block the template has it.
        ...(isBlock ? {} : { instanceTypes: pool.instances.map(({ type }) => type) }),
        scalingConfig: { minSize: 0, desiredSize: 0, maxSize: pool.maxNodes },
        taints: [EKS_TAINT],
        labels: gpuLabels(plan, pool),
        launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
        version: plan.cluster.version,
        ...(gpu.releaseVersion === null ? {} : { releaseVersion: gpu.releaseVersion }),
        nodeRepairConfig: { enabled: true },
        // Ends a node before it starts its successor: a pool that its quota fills could not do it otherwise.
        updateConfig: { maxUnavailable: 1, updateStrategy: "MINIMAL" },
        tags: this.#tags,
      },
      {
        parent: this,
        dependsOn: [...network.ready, ...cluster.ready],
        // Else every update would end the nodes that the autoscaler has started.
        ignoreChanges: ["scalingConfig.desiredSize"],
      },
    );
  }

  /** Which zones the subnets of a network that is there are in, only AWS knows. */
  #subnets(): pulumi.Output<string>[] {
    const { plan, pool, network } = this.#args;
    const { capacitySubnet } = plan.gpu;
    if (pool.purchase === "capacity-block" && capacitySubnet !== null) return [pulumi.output(capacitySubnet)];
    if (plan.network.vpc !== null) return network.privateSubnetIds;
    return zonesOf(plan, pool).flatMap((zone) => network.subnetOfZone[zone] ?? []);
  }

  #declareTags({ resources }: aws.eks.NodeGroup): pulumi.Resource[] {
    const { plan, pool } = this.#args;
    const group = resources.apply(([first]) => first?.autoscalingGroups[0]?.name ?? "");
    return Object.entries(autoscalerTags(plan, pool)).map(
      ([key, value]) =>
        new aws.autoscaling.Tag(
          `${pool.name}:${key}`,
          { autoscalingGroupName: group, tag: { key, value, propagateAtLaunch: true } },
          { parent: this },
        ),
    );
  }

  /** A node that was forgotten costs until the evening. */
  #declareSchedule({ resources }: aws.eks.NodeGroup): pulumi.Resource[] {
    const { plan, pool } = this.#args;
    if (plan.gpu.scaleDown === null || pool.purpose === "serving") return [];
    return [
      new aws.autoscaling.Schedule(
        pool.name,
        {
          scheduledActionName: "scale-down",
          autoscalingGroupName: resources.apply(([first]) => first?.autoscalingGroups[0]?.name ?? ""),
          recurrence: plan.gpu.scaleDown,
          minSize: 0,
          desiredCapacity: 0,
          maxSize: pool.maxNodes,
        },
        { parent: this },
      ),
    ];
  }
}
