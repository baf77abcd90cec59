import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Network } from "../../components/aws/network.ts";
import { ENDPOINT_SERVICES, subnetPlan } from "../../core/aws/subnets.ts";
import { awsExample, EXISTING, SUBNETS, VPC } from "./aws-example.ts";
import { declaredBy, isAfter, reading, valueOf, type Program } from "./declared.ts";

/** First and last address of a CIDR, as numbers. */
function rangeOf(cidr: string): { first: number; last: number; prefix: number } {
  const [address = "", prefix = ""] = cidr.split("/");
  const first = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return { first, last: first + 2 ** (32 - Number(prefix)) - 1, prefix: Number(prefix) };
}

describe("subnets of a VPC", () => {
  const vpc = fc
    .tuple(fc.integer({ min: 16, max: 20 }), fc.nat(255), fc.nat(255))
    .map(([prefix, second, third]) => {
      const kept = prefix === 16 ? 0 : third & (256 - 2 ** (24 - prefix));
      return `10.${second}.${kept}.0/${prefix}`;
    });
  const zones = fc.subarray(["use1-az2", "use1-az4", "use1-az6"], { minLength: 2 });

  it("lie inside it, overlap nowhere and begin where their length lets them", () => {
    fc.assert(
      fc.property(vpc, zones, (cidr, ids) => {
        const { privateCidrs, publicCidr } = subnetPlan(cidr, ids);
        expect(Object.keys(privateCidrs)).toEqual(ids);
        const whole = rangeOf(cidr);
        const parts = [...Object.values(privateCidrs), publicCidr].map(rangeOf);
        for (const { first, last, prefix } of parts) {
          expect(first).toBeGreaterThanOrEqual(whole.first);
          expect(last).toBeLessThanOrEqual(whole.last);
          expect(first % 2 ** (32 - prefix)).toBe(0);
        }
        const sorted = parts.sort((a, b) => a.first - b.first);
        sorted.slice(1).forEach(({ first }, index) => expect(first).toBeGreaterThan(sorted[index]!.last));
      }),
    );
  });

  it("are a quarter of it for nodes, and 256 addresses for the NAT gateway", () => {
    expect(subnetPlan("10.64.0.0/16", ["use1-az2", "use1-az4", "use1-az6"])).toEqual({
      privateCidrs: { "use1-az2": "10.64.0.0/18", "use1-az4": "10.64.64.0/18", "use1-az6": "10.64.128.0/18" },
      publicCidr: "10.64.255.0/24",
    });
  });

  it.each([
    ["a VPC that is too small", "10.0.0.0/21", ["a", "b"]],
    ["a fourth zone", "10.0.0.0/16", ["a", "b", "c", "d"]],
  ])("are refused for %s", (_what, cidr, ids) => {
    expect(() => subnetPlan(cidr, ids)).toThrow(RangeError);
  });
});

describe("the CIDR of a network", () => {
  it.each(["10.0.0.0/15", "10.0.0.0/21"])(
    "of a new VPC is not %s, which is not divided into subnets",
    (cidr) =>
      expect(() => awsExample({ network: { cidr } })).toThrow(/is not divided into subnets of a new VPC/),
  );

  it("of a VPC that is there already may be any", () => {
    const { network } = awsExample({ ...EXISTING, network: { ...EXISTING.network, cidr: "10.0.0.0/24" } });
    expect(network.cidr).toBe("10.0.0.0/24");
  });
});

const declare = (changes: Parameters<typeof awsExample>[0]) =>
  declaredBy(() => new Network("test", { plan: awsExample(changes) }));

const UNTAGGED = ["Network", "Route", "RouteTableAssociation"];

describe.each(["nat", "endpoints"] as const)("a new network with egress by %s", (egress) => {
  let program: Program<Network>;
  beforeAll(async () => void (program = await declare({ network: { egress } })));
  const kind = (name: string) => program.resources.filter(({ key }) => key.startsWith(`${name}/`));
  const inputsOf = (key: string) => program.resources.find((each) => each.key === key)?.inputs;

  it("asks AWS nothing while it is planned", () => expect(program.calls).toEqual([]));

  it("answers names inside it, which endpoints and EFS need", () => {
    expect(inputsOf("Vpc/vpc")).toMatchObject({
      cidrBlock: "10.64.0.0/16",
      enableDnsHostnames: true,
      enableDnsSupport: true,
    });
  });

  it("has a private subnet in each zone, by the zone's id, for nodes and internal load balancers", async () => {
    const zones = ["use1-az2", "use1-az4", "use1-az6"];
    for (const zone of zones) {
      const inputs = inputsOf(`Subnet/private-${zone}`);
      expect(inputs).toMatchObject({ availabilityZoneId: zone, mapPublicIpOnLaunch: false });
      expect(inputs).toHaveProperty(["tags", "kubernetes.io/role/internal-elb"], "1");
      expect(await valueOf(program.result.subnetOfZone[zone]!)).toBe(`private-${zone}-id`);
      expect(inputsOf(`RouteTableAssociation/private-${zone}`)).toEqual({
        subnetId: `private-${zone}-id`,
        routeTableId: "private-id",
      });
    }
    expect(program.result.privateSubnetIds).toHaveLength(zones.length);
  });

  it("reaches S3 without the way out", () => {
    expect(inputsOf("VpcEndpoint/s3")).toMatchObject({
      serviceName: "com.amazonaws.us-east-1.s3",
      vpcEndpointType: "Gateway",
      routeTableIds: ["private-id"],
    });
  });

  it("gives no machine a public address, and takes no connection from outside", () => {
    for (const { inputs } of kind("Subnet")) expect(inputs["mapPublicIpOnLaunch"]).toBe(false);
    for (const { inputs } of kind("SecurityGroupIngressRule"))
      expect(inputs["cidrIpv4"]).toBe("10.64.0.0/16");
    const { ingress, egress: out, ...rest } = inputsOf("DefaultSecurityGroup/default")!;
    expect([ingress, out]).toEqual([undefined, undefined]);
    expect(rest).toMatchObject({ vpcId: "vpc-id" });
  });

  it("tags everything that takes tags", () => {
    for (const { key, inputs } of program.resources)
      if (!UNTAGGED.includes(key.split("/")[0]!))
        expect([key, inputs["tags"]]).toEqual([key, expect.objectContaining({ project: "tuneform" })]);
  });

  it("begins the names of all of it with the stack's", () => {
    const names = program.resources.map(
      ({ inputs }) => (inputs["tags"] as { Name?: string } | undefined)?.Name,
    );
    for (const name of names.filter((each) => each !== undefined)) expect(name).toMatch(/^tuneform-test-/);
  });
});

describe("a new network with one NAT gateway", () => {
  let program: Program<Network>;
  beforeAll(async () => void (program = await declare({})));
  const inputsOf = (key: string) => program.resources.find((each) => each.key === key)?.inputs;

  it("leads private subnets through the gateway, and only the gateway's to the internet", () => {
    const defaults = program.resources.filter(({ inputs }) => inputs["destinationCidrBlock"] === "0.0.0.0/0");
    expect(defaults.map(({ key }) => key).sort()).toEqual(["Route/private-out", "Route/public-out"]);
    expect(inputsOf("Route/private-out")).toMatchObject({
      routeTableId: "private-id",
      natGatewayId: "nat-id",
    });
    expect(inputsOf("Route/public-out")).toMatchObject({
      routeTableId: "public-id",
      gatewayId: "internet-id",
    });
    expect(inputsOf("NatGateway/nat")).toMatchObject({ subnetId: "public-id", allocationId: "nat-id" });
    expect(inputsOf("RouteTableAssociation/public")).toEqual({
      subnetId: "public-id",
      routeTableId: "public-id",
    });
  });

  it("makes the gateway's own way out first: without it the gateway fails", () => {
    expect(isAfter(program.resources, "NatGateway/nat", "Route/public-out")).toBe(true);
    expect(isAfter(program.resources, "NatGateway/nat", "RouteTableAssociation/public")).toBe(true);
  });

  it("is ready when private subnets have their way out", async () => {
    const keys = ["Route/private-out", "VpcEndpoint/s3"];
    const joined = ["use1-az2", "use1-az4", "use1-az6"].map(
      (zone) => `RouteTableAssociation/private-${zone}`,
    );
    expect(await reading(() => program).ready()).toEqual(expect.arrayContaining([...keys, ...joined]));
  });
});

describe("a new network with endpoints", () => {
  let program: Program<Network>;
  beforeAll(async () => void (program = await declare({ network: { egress: "endpoints" } })));
  const kinds = () => new Set(program.resources.map(({ key }) => key.split("/")[0]));

  it("has no way out at all", () => {
    for (const kind of ["InternetGateway", "NatGateway", "Eip", "Route"]) expect(kinds()).not.toContain(kind);
  });

  it.each(ENDPOINT_SERVICES)(
    "reaches %s in every zone, under its own name, from inside the VPC",
    (service) => {
      const endpoint = program.resources.find(({ key }) => key === `VpcEndpoint/${service}`);
      expect(endpoint?.inputs).toMatchObject({
        serviceName: `com.amazonaws.us-east-1.${service}`,
        vpcEndpointType: "Interface",
        privateDnsEnabled: true,
        subnetIds: ["private-use1-az2-id", "private-use1-az4-id", "private-use1-az6-id"],
        securityGroupIds: ["endpoints-id"],
      });
    },
  );

  it("opens them on 443 only", () => {
    const rules = program.resources.filter(({ key }) => key.startsWith("SecurityGroupIngressRule/"));
    expect(rules.map(({ inputs }) => inputs)).toEqual([
      expect.objectContaining({ ipProtocol: "tcp", fromPort: 443, toPort: 443, cidrIpv4: "10.64.0.0/16" }),
    ]);
  });

  it("is ready when every endpoint is", async () => {
    const keys = ["s3", ...ENDPOINT_SERVICES].map((service) => `VpcEndpoint/${service}`);
    expect(await reading(() => program).ready()).toEqual(expect.arrayContaining(keys));
  });
});

describe("a network that is there already", () => {
  it("is taken as it is: nothing in it is made or changed", async () => {
    const { resources, calls, result } = await declare(EXISTING);
    expect(resources.map(({ key }) => key)).toEqual(["Network/test"]);
    expect(calls).toEqual([]);
    expect(await valueOf(result.vpcId)).toBe(VPC);
    expect(await Promise.all(result.privateSubnetIds.map(valueOf))).toEqual(SUBNETS);
    expect(result.subnetOfZone).toEqual({});
    expect(result.ready).toEqual([]);
  });
});
