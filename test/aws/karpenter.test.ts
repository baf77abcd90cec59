import { describe, expect, it } from "vitest";
import { karpenterManifests } from "../../core/aws/karpenter.ts";
import { nodesOfPool } from "../../core/plan/gpu-pools.ts";
import { AMI_FAMILIES } from "../../core/spec/aws.ts";
import { awsExample, EXISTING } from "./aws-example.ts";

const FACTS = { nodeRoleName: "tuneform-test-node", subnetIds: ["subnet-a", "subnet-b"] };

interface Requirement {
  key: string;
  values: string[];
}

/** NodePool and class of the one pool of the example; `changes` of `tuneform:aws`. */
function made(changes: Parameters<typeof awsExample>[0]) {
  const plan = awsExample(changes);
  const [nodeClass, nodePool, ...more] = karpenterManifests(plan, plan.pools[0]!, FACTS);
  expect(more).toEqual([]);
  const { template, ...spec } = specOf(nodePool) as { template: Template };
  return { nodeClass: nodeClass!, nodePool: nodePool!, template, spec, classSpec: specOf(nodeClass) };
}

interface Template {
  metadata: { labels: Record<string, string> };
  spec: { requirements: Requirement[]; [key: string]: unknown };
}

const specOf = (manifest: object | undefined) => (manifest as { spec: Record<string, unknown> }).spec;
const valuesOf = ({ spec }: Template, key: string) =>
  spec.requirements.find((each) => each.key === key)?.values;

const COMBINATIONS = (["on-demand", "spot"] as const).flatMap((purchase) => [
  ...AMI_FAMILIES.map((ami) => ({ nodes: "karpenter", ami, purchase })),
  { nodes: "auto-mode", ami: "al2023", purchase },
]);

describe.each(COMBINATIONS)("a pool of $nodes, $ami, $purchase", (gpu) => {
  const { nodeClass, nodePool, template, spec, classSpec } = made({ gpu });
  const name = `tuneform-test-train-g6-xlarge-${gpu.purchase}`;

  it("is a NodePool of the present API, with a class of its own", () => {
    expect(nodePool).toMatchObject({ apiVersion: "karpenter.sh/v1", kind: "NodePool", metadata: { name } });
    const [group] = nodeClass.apiVersion.split("/");
    expect(template.spec["nodeClassRef"]).toEqual({ group, kind: nodeClass.kind, name });
    expect([nodeClass.apiVersion, nodeClass.kind]).toEqual(
      gpu.nodes === "auto-mode"
        ? ["eks.amazonaws.com/v1", "NodeClass"]
        : ["karpenter.k8s.aws/v1", "EC2NodeClass"],
    );
  });

  it("asks for the planned types, bought as planned", () => {
    expect(valuesOf(template, "node.kubernetes.io/instance-type")).toEqual(
      gpu.purchase === "spot" ? ["g6.xlarge", "g6.2xlarge", "g6.4xlarge"] : ["g6.xlarge"],
    );
    expect(valuesOf(template, "karpenter.sh/capacity-type")).toEqual([gpu.purchase]);
    expect(valuesOf(template, "kubernetes.io/arch")).toEqual(["amd64"]);
  });

  it("is tainted in the spelling of pods, not of EKS, and labelled as its pods select", () => {
    expect(template.spec["taints"]).toEqual([{ key: "nvidia.com/gpu", value: "true", effect: "NoSchedule" }]);
    expect(template.metadata.labels).toMatchObject({
      ...nodesOfPool(name).nodeSelector,
      "nvidia.com/gpu.present": "true",
    });
  });

  it("ends nodes when they are empty, never under a training, and has as many GPUs as the settings allow", () =>
    expect(spec).toEqual({
      disruption: { consolidationPolicy: "WhenEmpty", consolidateAfter: "10m" },
      limits: { "nvidia.com/gpu": "2" },
    }));

  it("replaces old nodes, and ends what does not end itself", () =>
    expect(template.spec).toMatchObject({ expireAfter: "720h", terminationGracePeriod: "48h" }));

  it("is in the stack's private subnets, with the role of its nodes, on the bill of its fine-tune", () =>
    expect(classSpec).toMatchObject({
      role: FACTS.nodeRoleName,
      subnetSelectorTerms: [{ id: "subnet-a" }, { id: "subnet-b" }],
      securityGroupSelectorTerms: [{ tags: { "aws:eks:cluster-name": "tuneform-test" } }],
      tags: { project: "tuneform", finetune: "triage", owner: "mail" },
    }));
});

describe.each(AMI_FAMILIES)("a class of %s of Karpenter's", (ami) => {
  const { classSpec } = made({ gpu: { nodes: "karpenter", ami } });

  it("encrypts every disk, and has images on a fast or local one", () => {
    const mappings = classSpec["blockDeviceMappings"] as { deviceName: string; ebs: object }[];
    expect(mappings.map(({ deviceName }) => deviceName)).toEqual(
      ami === "al2023" ? ["/dev/xvda"] : ["/dev/xvda", "/dev/xvdb"],
    );
    for (const { ebs } of mappings)
      expect(ebs).toMatchObject({ volumeType: "gp3", encrypted: true, deleteOnTermination: true });
    expect(mappings.at(-1)!.ebs).toMatchObject({ volumeSize: "200Gi", throughput: 600 });
    expect(classSpec["instanceStorePolicy"]).toBe("RAID0");
  });

  it("gives a node's credentials to no pod", () =>
    expect(classSpec["metadataOptions"]).toMatchObject({
      httpTokens: "required",
      httpPutResponseHopLimit: 1,
    }));

  it("has the newest image of the family, unless the settings name one", () => {
    expect(classSpec["amiSelectorTerms"]).toEqual([{ alias: `${ami}@latest` }]);
    const [releaseVersion, alias] =
      ami === "al2023"
        ? ["1.35.6-20260714", "al2023@v20260714"]
        : ["1.47.0-6154605b", "bottlerocket@v1.47.0"];
    const pinned = made({ gpu: { nodes: "karpenter", ami, releaseVersion } });
    expect(pinned.classSpec["amiSelectorTerms"]).toEqual([{ alias }]);
  });
});

describe("zones", () => {
  const ZONE = "topology.k8s.aws/zone-id";

  it("of Karpenter's pools are those that have their type", () => {
    const { template } = made({ gpu: { nodes: "karpenter" }, network: { zones: ["use1-az3", "use1-az6"] } });
    expect(valuesOf(template, ZONE)).toEqual(["use1-az6"]);
  });

  it("are left to Karpenter in a network that is there: which zones it has, only AWS knows", () => {
    const { template } = made({ ...EXISTING, gpu: { nodes: "karpenter" } });
    expect(valuesOf(template, ZONE)).toBeUndefined();
  });
});

it("EKS Auto Mode chooses image, disks and metadata options itself: its class has no such fields", () => {
  const { classSpec } = made({ gpu: { nodes: "auto-mode" } });
  expect(Object.keys(classSpec).sort()).toEqual([
    "ephemeralStorage",
    "role",
    "securityGroupSelectorTerms",
    "subnetSelectorTerms",
    "tags",
  ]);
});
