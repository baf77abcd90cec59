import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { METADATA_OPTIONS, taggedParts } from "../../core/aws/launch-template.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import type { Network } from "./network.ts";

export interface SystemNodesArgs {
  plan: AwsPlan;
  clusterName: pulumi.Input<string>;
  network: Network;
  nodeRoleArn: pulumi.Input<string>;
  /**
   * What nodes need to become ready, and to leave. `dependsOn` of a component is not kept with what is in it: the group
   * could be destroyed after its rights.
   */
  after: pulumi.Resource[];
}

/** Images of add-ons and the gateway; models are elsewhere. */
const ROOT_GIB = 50;

/** A few nodes without a GPU that are always there: DNS, drivers, the autoscaler, the gateway. */
export class SystemNodes extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];

  constructor(
    name: string,
    { plan, clusterName, network, nodeRoleArn, after }: SystemNodesArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("tuneform:aws:SystemNodes", name, {}, opts);
    const { tags, cluster } = plan;
    const template = new aws.ec2.LaunchTemplate(
      name,
      {
        namePrefix: `${plan.name}-${name}-`,
        metadataOptions: METADATA_OPTIONS,
        blockDeviceMappings: [
          {
            deviceName: "/dev/xvda",
            ebs: { volumeType: "gp3", volumeSize: ROOT_GIB, encrypted: "true", deleteOnTermination: "true" },
          },
        ],
        tagSpecifications: taggedParts({ ...tags, Name: `${plan.name}-${name}` }),
        tags,
      },
      { parent: this },
    );
    const group = new aws.eks.NodeGroup(
      name,
      {
        clusterName,
        nodeGroupNamePrefix: `${plan.name}-${name}-`,
        nodeRoleArn,
        subnetIds: network.privateSubnetIds,
        amiType: "AL2023_x86_64_STANDARD",
        capacityType: "ON_DEMAND",
        instanceTypes: [cluster.systemInstance],
        scalingConfig: {
          minSize: cluster.systemNodes,
          desiredSize: cluster.systemNodes,
          maxSize: cluster.systemNodes + 1, // one more while nodes are replaced
        },
        launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
        version: cluster.version,
        nodeRepairConfig: { enabled: true },
        updateConfig: { maxUnavailable: 1 },
        tags,
      },
      { parent: this, dependsOn: [...network.ready, ...after] },
    );
    this.ready = [group];
    this.registerOutputs({});
  }
}
