import { beforeAll, describe, expect, it } from "vitest";
import { GPU_TAINT, nodesOfPool, type Purchase } from "../../core/plan/gpu-pools.ts";
import { AMI_FAMILIES } from "../../core/spec/aws.ts";
import { EXISTING, SUBNETS } from "./aws-example.ts";
import { reading } from "./declared.ts";
import { BOUGHT, declaredPools } from "./pool-example.ts";

type Declared = Awaited<ReturnType<typeof declaredPools>>;

const PURCHASES = Object.keys(BOUGHT) as Purchase[];
const COMBINATIONS = AMI_FAMILIES.flatMap((ami) => PURCHASES.map((purchase) => ({ ami, purchase })));

const EXPECTED = {
  al2023: { amiType: "AL2023_x86_64_NVIDIA", devices: { "/dev/xvda": 200 } },
  bottlerocket: { amiType: "BOTTLEROCKET_x86_64_NVIDIA", devices: { "/dev/xvda": 4, "/dev/xvdb": 200 } },
};
const CAPACITY = { "on-demand": "ON_DEMAND", spot: "SPOT", "capacity-block": "CAPACITY_BLOCK" };
const TYPES = {
  "on-demand": ["g6.xlarge"],
  spot: ["g6.xlarge", "g6.2xlarge", "g6.4xlarge"],
  "capacity-block": ["p5.4xlarge"],
};

describe.each(COMBINATIONS)("a node group of $ami, $purchase", ({ ami, purchase }) => {
  const { gpu, trainsOn } = BOUGHT[purchase];
  const name = `train-${TYPES[purchase][0]!.replace(".", "-")}-${purchase}`;
  let declared: Declared;
  beforeAll(async () => void (declared = await declaredPools({ gpu: { ...gpu, ami } }, trainsOn)));
  const { one, kind, after, ready } = reading(() => declared);
  const group = () => one(`NodeGroup/${name}`);
  const template = () => one(`LaunchTemplate/${name}`);

  it("asks AWS nothing while it is planned", () => expect(declared.calls).toEqual([]));

  it("has the image with NVIDIA's driver, of the cluster's Kubernetes", () => {
    expect(group().inputs).toMatchObject({
      nodeGroupName: `tuneform-test-${name}`,
      amiType: EXPECTED[ami].amiType,
      capacityType: CAPACITY[purchase],
      version: "1.35",
    });
    expect(group().inputs).not.toHaveProperty("releaseVersion");
    // With a template they are refused.
    expect(group().inputs).not.toHaveProperty("diskSize");
    expect(group().inputs).not.toHaveProperty("remoteAccess");
  });

  it("has no node until one is needed, and then as many as the settings allow", () =>
    expect(group().inputs["scalingConfig"]).toEqual({ minSize: 0, desiredSize: 0, maxSize: 2 }));

  it("ends a node before it starts the next, and replaces a broken one", () => {
    expect(group().inputs["updateConfig"]).toEqual({ maxUnavailable: 1, updateStrategy: "MINIMAL" });
    expect(group().inputs["nodeRepairConfig"]).toEqual({ enabled: true });
  });

  it("is tainted in EKS's spelling with what its pods tolerate in theirs", () => {
    expect(group().inputs["taints"]).toEqual([
      { key: "nvidia.com/gpu", value: "true", effect: "NO_SCHEDULE" },
    ]);
    expect(nodesOfPool(name).tolerations).toEqual([
      { key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" },
    ]);
  });

  it("is labelled with all that its pods, the device plugin and the autoscaler look for", () => {
    expect(group().inputs["labels"]).toEqual({
      ...nodesOfPool(`tuneform-test-${name}`).nodeSelector,
      "tuneform.dev/stack": "tuneform-test",
      "nvidia.com/gpu.present": "true",
      "k8s.amazonaws.com/accelerator": trainsOn,
    });
  });

  it("says its types once: a capacity block's in the template, others in the group", () => {
    const isBlock = purchase === "capacity-block";
    expect(group().inputs["instanceTypes"]).toEqual(isBlock ? undefined : TYPES[purchase]);
    expect(template().inputs["instanceType"]).toEqual(isBlock ? "p5.4xlarge" : undefined);
    expect(template().inputs["instanceMarketOptions"]).toEqual(
      isBlock ? { marketType: "capacity-block" } : undefined,
    );
    expect(template().inputs["capacityReservationSpecification"]).toEqual(
      isBlock ? { capacityReservationTarget: { capacityReservationId: "cr-0123456789abcdef0" } } : undefined,
    );
  });

  it("is in private subnets of zones that have it, a block's in the zone of the reservation", () =>
    expect(group().inputs["subnetIds"]).toEqual(
      purchase === "capacity-block"
        ? ["private-use1-az4-id"]
        : ["private-use1-az2-id", "private-use1-az4-id", "private-use1-az6-id"],
    ));

  it("keeps nothing on a disk that is not encrypted, and images on a fast one", () => {
    const mappings = template().inputs["blockDeviceMappings"] as { deviceName: string; ebs: Volume }[];
    expect(Object.fromEntries(mappings.map(({ deviceName, ebs }) => [deviceName, ebs.volumeSize]))).toEqual(
      EXPECTED[ami].devices,
    );
    for (const { ebs } of mappings)
      expect(ebs).toMatchObject({ volumeType: "gp3", encrypted: "true", deleteOnTermination: "true" });
    const { throughput, iops } = mappings.at(-1)!.ebs;
    expect(throughput).toBeGreaterThanOrEqual(600);
    // EC2 gives gp3 a quarter of a MiB/s for each operation a second, and refuses more.
    expect(throughput / iops).toBeLessThanOrEqual(0.25);
  });

  it("gives its own credentials to nobody: tokens, and one hop", () =>
    expect(template().inputs["metadataOptions"]).toEqual({
      httpEndpoint: "enabled",
      httpTokens: "required",
      httpPutResponseHopLimit: 1,
    }));

  it("tags machines, disks and interfaces with who pays", () => {
    const tags = { project: "tuneform", finetune: "triage", owner: "mail" };
    const specifications = template().inputs["tagSpecifications"] as { resourceType: string; tags: object }[];
    expect(specifications.map(({ resourceType }) => resourceType)).toEqual([
      "instance",
      "volume",
      "network-interface",
    ]);
    for (const tagged of [...specifications.map((each) => each.tags), group().inputs["tags"]])
      expect(tagged).toMatchObject(tags);
  });

  it("tells the autoscaler on the Auto Scaling group what a node would be", () => {
    const tags = kind("Tag").map(({ inputs }) => inputs);
    expect(new Set(tags.map((each) => each["autoscalingGroupName"]))).toEqual(new Set([`eks-${name}`]));
    const node = "k8s.io/cluster-autoscaler/node-template";
    expect(Object.fromEntries(tags.map(({ tag }) => [(tag as Tag).key, (tag as Tag).value]))).toEqual({
      "k8s.io/cluster-autoscaler/enabled": "true",
      "k8s.io/cluster-autoscaler/tuneform-test": "owned",
      [`${node}/label/tuneform.dev/pool`]: `tuneform-test-${name}`,
      [`${node}/label/tuneform.dev/stack`]: "tuneform-test",
      [`${node}/label/nvidia.com/gpu.present`]: "true",
      [`${node}/label/k8s.amazonaws.com/accelerator`]: trainsOn,
      [`${node}/taint/nvidia.com/gpu`]: `true:${GPU_TAINT.effect}`,
      [`${node}/resources/nvidia.com/gpu`]: "1",
      [`${node}/resources/ephemeral-storage`]: "200Gi",
    });
    expect(tags.every(({ tag }) => (tag as Tag).propagateAtLaunch)).toBe(true);
  });

  it("is made after network and cluster, and ready with its tags", async () => {
    expect(after(`NodeGroup/${name}`, "Cluster/cluster")).toBe(true);
    expect(after(`NodeGroup/${name}`, "Addon/vpc-cni")).toBe(true);
    expect(after(`NodeGroup/${name}`, "Route/private-out")).toBe(true);
    expect(await ready()).toEqual(
      expect.arrayContaining([`NodeGroup/${name}`, ...kind("Tag").map(({ key }) => key)]),
    );
  });

  it("leaves the number of nodes to the autoscaler", () =>
    expect(group().ignoreChanges).toEqual(["scalingConfig.desiredSize"]));
});

describe("a node group", () => {
  const group = async (...args: Parameters<typeof declaredPools>) =>
    reading(await thenable(declaredPools(...args))).one("NodeGroup/train-g6-xlarge-spot").inputs;

  it("of a release has that release", async () =>
    expect(await group({ gpu: { releaseVersion: "1.35.6-20260714" } })).toMatchObject({
      version: "1.35",
      releaseVersion: "1.35.6-20260714",
    }));

  it("in a network that is there is in its subnets", async () =>
    expect((await group(EXISTING))["subnetIds"]).toEqual(SUBNETS));

  it("is in no zone that lacks its type", async () => {
    const declared = await declaredPools({ network: { zones: ["use1-az3", "use1-az6"] } });
    const [pool] = declared.resources.filter(({ key }) => key === "NodeGroup/train-g6-xlarge-spot");
    expect(pool!.inputs["subnetIds"]).toEqual(["private-use1-az6-id"]);
  });

  it("goes to zero each evening where the settings say so", async () => {
    const { kind } = reading(await thenable(declaredPools({ gpu: { scaleDown: "0 20 * * *" } })));
    expect(kind("Schedule").map(({ inputs }) => inputs)).toEqual([
      {
        scheduledActionName: "scale-down",
        autoscalingGroupName: "eks-train-g6-xlarge-spot",
        recurrence: "0 20 * * *",
        minSize: 0,
        desiredCapacity: 0,
        maxSize: 2,
      },
    ]);
  });

  it("goes on by night where they do not", async () =>
    expect(reading(await thenable(declaredPools({}))).kind("Schedule")).toEqual([]));
});

interface Tag {
  key: string;
  value: string;
  propagateAtLaunch: boolean;
}

interface Volume {
  volumeSize: number;
  throughput: number;
  iops: number;
}

async function thenable(declared: Promise<Declared>): Promise<() => Declared> {
  const made = await declared;
  return () => made;
}
