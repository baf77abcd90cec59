import { describe, expect, it } from "vitest";
import { gpuLabels, nodeGroupName, nodeVolumes, poolTags } from "../../core/aws/gpu-nodes.ts";
import { karpenterAlias, NODE_IMAGES } from "../../core/aws/node-images.ts";
import { userData } from "../../core/aws/user-data.ts";
import { planAws } from "../../core/plan/aws-plan.ts";
import { nodesOfPool, planPools } from "../../core/plan/gpu-pools.ts";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { AMI_FAMILIES } from "../../core/spec/aws.ts";
import { readDevicePlugin } from "../../loading/device-plugin.ts";
import { root } from "./kubernetes-example.ts";
import { settingsWith, TEST_STACK, tuneOn } from "./pooled-stack.ts";

/** A stack of these fine-tunes, all on an L4. */
function planOf(names: string[], gpu: object = {}) {
  const settings = settingsWith(gpu);
  const { pools, ...poolOf } = planPools(
    names.map((name) => tuneOn(name)),
    [],
    settings,
    INSTANCES,
  );
  const fineTunes = names.map((name) => ({ name, owner: `team-${name}`, dataKeys: [] }));
  return planAws({ ...TEST_STACK, settings, fineTunes, pools, poolOf });
}

const textOf = (ami: (typeof AMI_FAMILIES)[number]) => Buffer.from(userData(ami), "base64").toString("utf8");

describe("user data", () => {
  it("of AL2023 is one MIME part of nodeadm's, which EKS merges with its own", () =>
    expect(textOf("al2023")).toMatchInlineSnapshot(`
      "MIME-Version: 1.0
      Content-Type: multipart/mixed; boundary="tuneform-node"

      --tuneform-node
      Content-Type: application/node.eks.aws

      apiVersion: node.eks.aws/v1alpha1
      kind: NodeConfig
      spec:
        featureGates:
          FastImagePull: true
        instance:
          localStorage:
            strategy: RAID0

      --tuneform-node--
      "
    `));

  it("of Bottlerocket is TOML, which EKS merges with its own", () =>
    expect(textOf("bottlerocket")).toMatchInlineSnapshot(`
      "[settings.kubernetes]
      registry-qps = 25
      registry-burst = 50

      [settings.bootstrap-commands.local-storage]
      commands = [
        ["apiclient", "ephemeral-storage", "init"],
        ["apiclient", "ephemeral-storage", "bind", "--dirs", "/var/lib/containerd", "/var/lib/kubelet", "/var/log/pods"],
      ]
      mode = "always"
      essential = true
      "
    `));
});

describe("images", () => {
  it("have NVIDIA's driver, and are none that EKS no longer makes", () =>
    expect(AMI_FAMILIES.map((family) => NODE_IMAGES[family].amiType)).toEqual([
      "AL2023_x86_64_NVIDIA",
      "BOTTLEROCKET_x86_64_NVIDIA",
    ]));

  it.each([
    ["al2023", "1.35.6-20260714", "al2023@v20260714"],
    ["bottlerocket", "1.47.0-6154605b", "bottlerocket@v1.47.0"],
    ["al2023", null, "al2023@latest"],
    ["bottlerocket", null, "bottlerocket@latest"],
  ] as const)("of %s, release %s, are %s to Karpenter", (ami, releaseVersion, alias) =>
    expect(karpenterAlias({ ami, releaseVersion })).toBe(alias),
  );
});

describe("NVIDIA's device plugin", () => {
  const installs = (nodes: string, ami: string, names = ["a"]) =>
    planOf(names, { nodes, ami }).installsDevicePlugin;

  it.each([
    ["node-groups", "al2023", true],
    ["karpenter", "al2023", true],
    ["node-groups", "bottlerocket", false],
    ["karpenter", "bottlerocket", false],
    ["auto-mode", "al2023", false],
  ] as const)("where %s makes nodes of %s: is the stack's to install: %s", (nodes, ami, expected) =>
    expect(installs(nodes, ami)).toBe(expected),
  );

  it("is not installed where nothing needs a GPU", () =>
    expect(installs("node-groups", "al2023", [])).toBe(false));
});

describe("NVIDIA's device plugin as the stack brings it", () => {
  const { containers, volumes, nodeSelector, tolerations } = readDevicePlugin(root).spec.template.spec;
  const [pool] = planOf(["a"]).pools;

  // Time-slicing and MPS isolate no memory: a server beside a training would end it. Of a manifest that people put in
  // its place: test/bad-input-manifest-cases.ts.
  it("shares no GPU: it is given no configuration at all", () => {
    for (const { args = [], command = [], env = [] } of containers) {
      expect([...command, ...args]).toEqual([]);
      expect(env.map(({ name }) => name)).toEqual(["FAIL_ON_INIT_ERROR"]);
    }
    expect(volumes?.filter((volume) => "configMap" in volume)).toEqual([]);
  });

  it("runs on nodes of pools, and on no other", () => {
    expect(gpuLabels(planOf(["a"]), pool!)).toMatchObject(nodeSelector ?? { none: "selects every node" });
    expect(tolerations).toEqual(nodesOfPool(pool!.name).tolerations);
  });
});

describe("a pool's nodes", () => {
  it("are named after stack and pool, and labelled with the pool", () => {
    const plan = planOf(["a"]);
    const [pool] = plan.pools;
    expect(nodeGroupName(plan, pool!)).toBe("tuneform-test-train-g6-xlarge-spot");
    expect(gpuLabels(plan, pool!)).toMatchObject({
      "tuneform.dev/pool": "tuneform-test-train-g6-xlarge-spot",
      "tuneform.dev/stack": "tuneform-test",
    });
  });

  it("are on the bill of their one fine-tune and its owner", () => {
    const plan = planOf(["a", "b"], { share: "fine-tune" });
    expect(plan.pools.map((pool) => poolTags(plan, pool))).toMatchObject([
      { project: "tuneform", finetune: "a", owner: "team-a" },
      { project: "tuneform", finetune: "b", owner: "team-b" },
    ]);
  });

  it("are on nobody's own where several share them", () => {
    const plan = planOf(["a", "b"]);
    const [tags, ...others] = plan.pools.map((pool) => poolTags(plan, pool));
    expect(others).toEqual([]);
    expect(tags).toMatchObject({ finetune: "shared" });
    expect(tags).not.toHaveProperty("owner");
  });

  it("have the size that the settings ask for on the disk of images and caches", () =>
    expect(
      nodeVolumes(planOf(["a"], { rootGib: 500, ami: "bottlerocket" })).map(({ deviceName, gib }) => [
        deviceName,
        gib,
      ]),
    ).toEqual([
      ["/dev/xvda", 4],
      ["/dev/xvdb", 500],
    ]));
});
