import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { addonsOf } from "../../core/aws/addons.ts";
import { autoModeTagPolicy } from "../../core/aws/auto-mode.ts";
import { clusterKeyPolicy } from "../../core/aws/key-policy.ts";
import { kubeconfigOf } from "../../core/aws/kubeconfig.ts";
import { managedPolicy, roleNamePrefix, serviceTrust } from "../../core/aws/policies.ts";
import type { Addon } from "../../core/catalog/addons.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import type { Network } from "./network.ts";
import { PodRole } from "./pod-role.ts";
import { SystemNodes } from "./system-nodes.ts";

export interface EksClusterArgs {
  plan: AwsPlan;
  network: Network;
}

const LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

/**
 * The cluster: made with everything that it needs to be safe and to take pods, or one that is there already, of which
 * only the role of new nodes is made, with what lets them in. That role has no rights of vpc-cni: such a cluster gives
 * them to the service account `aws-node`, or new nodes never become ready.
 */
export class EksCluster extends pulumi.ComponentResource {
  readonly clusterName: pulumi.Output<string>;
  readonly nodeRoleArn: pulumi.Output<string>;
  readonly nodeRoleName: pulumi.Output<string>;
  /** Null: reached by the stack's own kubeconfig. */
  readonly kubeconfig: pulumi.Output<string> | null;
  /** What objects inside it wait for. */
  readonly ready: pulumi.Resource[] = [];
  readonly #plan: AwsPlan;

  constructor(name: string, { plan, network }: EksClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:EksCluster", name, {}, opts);
    this.#plan = plan;
    const isAuto = plan.gpu.nodes === "auto-mode";
    const nodes = this.#role("nodes", "ec2.amazonaws.com", [
      ...(isAuto ? ["AmazonEKSWorkerNodeMinimalPolicy"] : ["AmazonEKSWorkerNodePolicy"]),
      "AmazonEC2ContainerRegistryPullOnly",
    ]);
    this.nodeRoleArn = nodes.role.arn;
    this.nodeRoleName = nodes.role.name;
    if (plan.cluster.existing === null) {
      const cluster = this.#declareCluster(network, nodes);
      this.clusterName = cluster.name;
      this.kubeconfig = this.#kubeconfig(cluster);
      this.#declareInside(cluster, network, nodes);
    } else {
      this.clusterName = pulumi.output(plan.cluster.existing);
      this.kubeconfig = null;
      this.ready.push(...nodes.attachments, ...this.#declareNodeEntry());
    }
    this.registerOutputs({ clusterName: this.clusterName });
  }

  /** A role of a service, with policies that AWS keeps. */
  #role(name: string, service: string, policies: string[], actions?: string[]) {
    const parent = { parent: this };
    const { tags, name: stack } = this.#plan;
    const role = new aws.iam.Role(
      name,
      {
        namePrefix: roleNamePrefix(stack, name),
        assumeRolePolicy: JSON.stringify(serviceTrust(service, actions)),
        tags,
      },
      parent,
    );
    const attachments = policies.map(
      (policy) =>
        new aws.iam.RolePolicyAttachment(
          `${name}-${policy}`,
          { role: role.name, policyArn: managedPolicy(policy) },
          parent,
        ),
    );
    return { role, attachments };
  }

  #declareCluster(network: Network, nodes: { role: aws.iam.Role }): aws.eks.Cluster {
    const parent = { parent: this };
    const { name, tags, cluster, gpu } = this.#plan;
    const isAuto = gpu.nodes === "auto-mode";
    const auto = ["Compute", "BlockStorage", "LoadBalancing", "Networking"];
    const { role, attachments } = this.#role(
      "cluster",
      "eks.amazonaws.com",
      ["AmazonEKSClusterPolicy", ...(isAuto ? auto.map((part) => `AmazonEKS${part}Policy`) : [])],
      isAuto ? ["sts:AssumeRole", "sts:TagSession"] : undefined,
    );
    const tagging = isAuto
      ? [
          new aws.iam.RolePolicy(
            "cluster-tags",
            { role: role.name, policy: JSON.stringify(autoModeTagPolicy(this.#plan)) },
            parent,
          ),
        ]
      : [];
    const { key, logs } = this.#declareLogs(role);
    return new aws.eks.Cluster(
      "cluster",
      {
        name,
        version: cluster.version,
        roleArn: role.arn,
        accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
        bootstrapSelfManagedAddons: false,
        deletionProtection: true,
        enabledClusterLogTypes: LOG_TYPES,
        encryptionConfig: { resources: ["secrets"], provider: { keyArn: key.arn } },
        vpcConfig: {
          subnetIds: network.privateSubnetIds,
          endpointPrivateAccess: true,
          endpointPublicAccess: cluster.publicAccessCidrs.length > 0,
          ...(cluster.publicAccessCidrs.length > 0 ? { publicAccessCidrs: cluster.publicAccessCidrs } : {}),
        },
        // Extended support costs six times as much, and would begin by itself.
        upgradePolicy: { supportType: "STANDARD" },
        ...(isAuto ? autoMode(nodes.role.arn) : {}),
        tags,
      },
      // Attachments outlive the cluster: it removes its network interfaces with them.
      { ...parent, dependsOn: [...attachments, ...tagging, logs, ...network.ready] },
    );
  }

  /** Logs of the control plane, and the key of these and of the cluster's Secrets. */
  #declareLogs({ arn }: aws.iam.Role): { key: aws.kms.Key; logs: aws.cloudwatch.LogGroup } {
    const parent = { parent: this };
    const { name, region, tags, cluster } = this.#plan;
    const logGroup = `/aws/eks/${name}/cluster`;
    const key = new aws.kms.Key(
      "cluster",
      {
        description: `Secrets and logs of cluster ${name}`,
        enableKeyRotation: true,
        policy: arn.apply((clusterRole) =>
          JSON.stringify(clusterKeyPolicy({ clusterRole, region, logGroup })),
        ),
        tags,
      },
      { ...parent, protect: true }, // without it the cluster's Secrets are gone
    );
    // Before the cluster: EKS would make a group whose logs never expire.
    const logs = new aws.cloudwatch.LogGroup(
      "control-plane",
      { name: logGroup, retentionInDays: cluster.logDays, kmsKeyId: key.arn, tags },
      parent,
    );
    return { key, logs };
  }

  #kubeconfig(cluster: aws.eks.Cluster): pulumi.Output<string> {
    const { region } = this.#plan;
    return pulumi
      .all([cluster.name, cluster.endpoint, cluster.certificateAuthority])
      .apply(([name, endpoint, { data }]) => kubeconfigOf({ name, region, endpoint, certificate: data }));
  }

  /** Who may enter, add-ons that nodes need, system nodes, add-ons that need nodes. */
  #declareInside(
    cluster: aws.eks.Cluster,
    network: Network,
    nodes: { role: aws.iam.Role; attachments: pulumi.Resource[] },
  ): void {
    const entries = this.#plan.cluster.adminRoles.flatMap((role) => this.#declareAdmin(cluster, role));
    const addons = addonsOf(this.#plan);
    const of = (when: Addon["nodes"]) => addons.filter(({ nodes }) => nodes === when);
    const before: pulumi.Resource[] = [];
    for (const addon of of("before")) before.push(this.#declareAddon(cluster, addon, [...before]));
    const system =
      this.#plan.gpu.nodes === "auto-mode"
        ? []
        : new SystemNodes(
            "system",
            {
              plan: this.#plan,
              clusterName: cluster.name,
              network,
              nodeRoleArn: nodes.role.arn,
              after: [...nodes.attachments, ...before],
            },
            { parent: this },
          ).ready;
    const after = of("after").map((addon) => this.#declareAddon(cluster, addon, [...before, ...system]));
    this.ready.push(...entries, ...before, ...system, ...after);
  }

  #declareAdmin(cluster: aws.eks.Cluster, principalArn: string): pulumi.Resource[] {
    const parent = { parent: this };
    const name = principalArn.split(":role/").at(-1) ?? principalArn;
    const entry = new aws.eks.AccessEntry(
      `admin-${name}`,
      { clusterName: cluster.name, principalArn, type: "STANDARD", tags: this.#plan.tags },
      parent,
    );
    const association = new aws.eks.AccessPolicyAssociation(
      `admin-${name}`,
      {
        clusterName: cluster.name,
        principalArn,
        policyArn: accessPolicy("ClusterAdmin"),
        accessScope: { type: "cluster" },
      },
      { ...parent, dependsOn: [entry] },
    );
    return [entry, association];
  }

  #declareAddon(cluster: aws.eks.Cluster, addon: Addon, dependsOn: pulumi.Resource[]): aws.eks.Addon {
    const { name, version, identity, configuration } = addon;
    const { tags, name: stack } = this.#plan;
    const role =
      identity === null
        ? null
        : new PodRole(name, { stack, tags, managed: identity.policy }, { parent: this });
    return new aws.eks.Addon(
      name,
      {
        clusterName: cluster.name,
        addonName: name,
        ...(version === null ? {} : { addonVersion: version }),
        ...(configuration === null ? {} : { configurationValues: JSON.stringify(configuration) }),
        ...(identity === null || role === null
          ? {}
          : { podIdentityAssociations: [{ serviceAccount: identity.serviceAccount, roleArn: role.arn }] }),
        resolveConflictsOnCreate: "OVERWRITE",
        resolveConflictsOnUpdate: "PRESERVE",
        tags,
      },
      { parent: this, dependsOn: [...dependsOn, ...(role?.ready ?? [])] },
    );
  }

  /**
   * What lets nodes into a cluster that is there already. EKS makes this entry itself for the role of a managed node
   * group, and for the one that a new cluster has for Auto Mode; a second one it refuses.
   */
  #declareNodeEntry(): pulumi.Resource[] {
    const { gpu, tags } = this.#plan;
    if (gpu.nodes === "node-groups") return [];
    const isAuto = gpu.nodes === "auto-mode";
    const { clusterName, nodeRoleArn: principalArn } = this;
    const entry = new aws.eks.AccessEntry(
      "nodes",
      { clusterName, principalArn, type: isAuto ? "EC2" : "EC2_LINUX", tags },
      { parent: this },
    );
    if (!isAuto) return [entry];
    const association = new aws.eks.AccessPolicyAssociation(
      "nodes",
      { clusterName, principalArn, policyArn: accessPolicy("AutoNode"), accessScope: { type: "cluster" } },
      { parent: this, dependsOn: [entry] },
    );
    return [entry, association];
  }
}

const accessPolicy = (name: string) => `arn:aws:eks::aws:cluster-access-policy/AmazonEKS${name}Policy`;

/** All three together, or EKS refuses; `system` takes what needs no GPU. */
const autoMode = (nodeRoleArn: pulumi.Input<string>) => ({
  computeConfig: { enabled: true, nodePools: ["system", "general-purpose"], nodeRoleArn },
  storageConfig: { blockStorage: { enabled: true } },
  kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true } },
});
