import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { ENDPOINT_SERVICES, subnetPlan } from "../../core/aws/subnets.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";

/**
 * Where nodes live: a new VPC with a private subnet in each zone and one way out, or the one that the stack names, of
 * which nothing is made or changed.
 */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  readonly privateSubnetIds: pulumi.Output<string>[];
  /** By zone id; empty for a network that is there already. */
  readonly subnetOfZone: Record<string, pulumi.Output<string>> = {};
  /** What nodes need before they can reach anything. */
  readonly ready: pulumi.Resource[] = [];
  readonly #plan: AwsPlan;

  constructor(name: string, { plan }: { plan: AwsPlan }, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:Network", name, {}, opts);
    this.#plan = plan;
    const { vpc, privateSubnets } = plan.network;
    if (vpc !== null && privateSubnets !== null) {
      this.vpcId = pulumi.output(vpc);
      this.privateSubnetIds = privateSubnets.map((subnet) => pulumi.output(subnet));
    } else {
      this.vpcId = this.#declareVpc();
      this.privateSubnetIds = Object.values(this.subnetOfZone);
    }
    this.registerOutputs({ vpcId: this.vpcId });
  }

  #tags(suffix: string): Record<string, string> {
    return { ...this.#plan.tags, Name: `${this.#plan.name}-${suffix}` };
  }

  #declareVpc(): pulumi.Output<string> {
    const parent = { parent: this };
    const { cidr, zones, egress } = this.#plan.network;
    const vpc = new aws.ec2.Vpc(
      "vpc",
      { cidrBlock: cidr, enableDnsHostnames: true, enableDnsSupport: true, tags: this.#tags("vpc") },
      parent,
    );
    // Without rules: whatever is made without a security group of its own reaches nothing.
    new aws.ec2.DefaultSecurityGroup("default", { vpcId: vpc.id, tags: this.#tags("default") }, parent);
    const { privateCidrs, publicCidr } = subnetPlan(cidr, zones);
    const table = new aws.ec2.RouteTable("private", { vpcId: vpc.id, tags: this.#tags("private") }, parent);
    for (const [zone, cidrBlock] of Object.entries(privateCidrs)) {
      const subnet = new aws.ec2.Subnet(
        `private-${zone}`,
        {
          vpcId: vpc.id,
          cidrBlock,
          availabilityZoneId: zone,
          mapPublicIpOnLaunch: false,
          tags: { ...this.#tags(`private-${zone}`), "kubernetes.io/role/internal-elb": "1" },
        },
        parent,
      );
      this.subnetOfZone[zone] = subnet.id;
      this.ready.push(
        new aws.ec2.RouteTableAssociation(
          `private-${zone}`,
          { subnetId: subnet.id, routeTableId: table.id },
          parent,
        ),
      );
    }
    this.#declareEndpoint("s3", vpc, { vpcEndpointType: "Gateway", routeTableIds: [table.id] });
    if (egress === "nat") this.#declareNat(vpc, table, publicCidr);
    else this.#declareEndpoints(vpc);
    return vpc.id;
  }

  /** One gateway for all zones: it costs by the hour, and a zone that is lost takes a training with it anyway. */
  #declareNat(vpc: aws.ec2.Vpc, table: aws.ec2.RouteTable, cidrBlock: string): void {
    const parent = { parent: this };
    const vpcId = vpc.id;
    const gateway = new aws.ec2.InternetGateway("internet", { vpcId, tags: this.#tags("internet") }, parent);
    const subnet = new aws.ec2.Subnet(
      "public",
      {
        vpcId,
        cidrBlock,
        availabilityZoneId: this.#plan.network.zones[0],
        mapPublicIpOnLaunch: false,
        tags: this.#tags("public"),
      },
      parent,
    );
    const open = new aws.ec2.RouteTable("public", { vpcId, tags: this.#tags("public") }, parent);
    const out = new aws.ec2.Route(
      "public-out",
      { routeTableId: open.id, destinationCidrBlock: "0.0.0.0/0", gatewayId: gateway.id },
      parent,
    );
    const joined = new aws.ec2.RouteTableAssociation(
      "public",
      { subnetId: subnet.id, routeTableId: open.id },
      parent,
    );
    const address = new aws.ec2.Eip("nat", { domain: "vpc", tags: this.#tags("nat") }, parent);
    const nat = new aws.ec2.NatGateway(
      "nat",
      { allocationId: address.id, subnetId: subnet.id, tags: this.#tags("nat") },
      { ...parent, dependsOn: [out, joined] },
    );
    this.ready.push(
      new aws.ec2.Route(
        "private-out",
        { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", natGatewayId: nat.id },
        parent,
      ),
    );
  }

  #declareEndpoints(vpc: aws.ec2.Vpc): void {
    const parent = { parent: this };
    const group = new aws.ec2.SecurityGroup(
      "endpoints",
      { vpcId: vpc.id, description: "AWS services, from inside the VPC", tags: this.#tags("endpoints") },
      parent,
    );
    new aws.vpc.SecurityGroupIngressRule(
      "endpoints",
      {
        securityGroupId: group.id,
        cidrIpv4: this.#plan.network.cidr,
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        tags: this.#tags("endpoints"),
      },
      parent,
    );
    for (const service of ENDPOINT_SERVICES)
      this.#declareEndpoint(service, vpc, {
        vpcEndpointType: "Interface",
        privateDnsEnabled: true,
        subnetIds: Object.values(this.subnetOfZone),
        securityGroupIds: [group.id],
      });
  }

  #declareEndpoint(service: string, vpc: aws.ec2.Vpc, args: Partial<aws.ec2.VpcEndpointArgs>): void {
    this.ready.push(
      new aws.ec2.VpcEndpoint(
        service,
        {
          vpcId: vpc.id,
          serviceName: `com.amazonaws.${this.#plan.region}.${service}`,
          tags: this.#tags(service),
          ...args,
        },
        { parent: this },
      ),
    );
  }
}
