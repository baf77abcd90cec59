import path from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { EnvironmentFailure } from "../../setup/failure.ts";
import { skipTier } from "../engine/tier.ts";
import { lockedEnvironment } from "../locked-environment.ts";
import type { Declared } from "./collect-inputs.ts";
import { EXCEPTIONS, type PolicyFinding } from "./policy-exceptions.ts";
import { declaredBy, declaredByBootstrap, VARIANTS } from "./stacks.ts";

/**
 * What a stack declares of AWS, against AWS's own descriptions of its calls and of its permissions: nothing is called.
 * What is inside the cluster is left out here, since it has no call of AWS.
 */
vi.mock("../../components/kubernetes/stack.ts", () => ({
  ClusterStack: class {
    models = {};
  },
}));

async function environment(): Promise<string | null> {
  try {
    return await lockedEnvironment("aws-models", path.join(import.meta.dirname, "requirements.lock"));
  } catch (error) {
    if (!(error instanceof EnvironmentFailure)) throw error;
    skipTier("aws-models", error.message);
    return null;
  }
}

const bin = await environment();

/** What a Python program of this folder answers to a list. */
async function ask<Answer>(program: string, given: object[]): Promise<Answer[]> {
  const file = path.join(import.meta.dirname, program);
  // -B: no compiled files beside the sources; parliament warns of the setuptools that it needs.
  const { stdout } = await execa(path.join(bin ?? "", "python"), ["-B", "-W", "ignore", file], {
    input: JSON.stringify(given),
  });
  return JSON.parse(stdout) as Answer[];
}
const check = (resources: Declared[]) => ask<string>("check_inputs.py", resources);
const lint = (policies: Policy[]) => ask<PolicyFinding>("lint_policies.py", policies);

interface Policy {
  where: string;
  document: string;
}
const policiesOf = (resources: Declared[]): Policy[] =>
  resources.flatMap(({ type, name, inputs }) =>
    ["policy", "assumeRolePolicy"].flatMap((key) =>
      typeof inputs[key] === "string"
        ? [{ where: `${type.split(":").at(-1) ?? ""} ${name} ${key}`, document: inputs[key] }]
        : [],
    ),
  );

describe.skipIf(bin === null)("resources of AWS", () => {
  const collected: Record<string, Declared[]> = {};
  beforeAll(async () => {
    for (const [name, changes] of Object.entries(VARIANTS)) collected[name] = await declaredBy(changes);
    collected["bootstrap"] = await declaredByBootstrap();
  });
  const all = () => Object.values(collected).flat();

  it.each([...Object.keys(VARIANTS), "bootstrap"])("are what their calls take: %s", async (name) => {
    const resources = collected[name] ?? [];
    expect(resources.length).toBeGreaterThan(15);
    expect(await check(resources)).toEqual([]);
  });

  it("are of every kind that has a row, so that no row goes unused", async () => {
    const { stdout } = await execa(
      path.join(bin ?? "", "python"),
      ["-B", "-c", "import json; from api_calls import RESOURCES; print(json.dumps(sorted(RESOURCES)))"],
      { cwd: import.meta.dirname },
    );
    expect([...new Set(all().map(({ type }) => type))].sort()).toEqual(JSON.parse(stdout));
  });

  const GROUP = "aws:eks/nodeGroup:NodeGroup";
  const TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate";
  /** A template with something of its one disk replaced. */
  const disk = (ebs: object) => ({
    blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volumeType: "gp3", volumeSize: 200, ...ebs } }],
  });

  it.each<[string, string, object, RegExp]>([
    [
      "a taint as pods spell it",
      GROUP,
      { taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }] },
      /CreateNodegroup\.taints\[0\]\.effect: 'NoSchedule' is none of NO_SCHEDULE/,
    ],
    [
      "an image type of other capitals",
      GROUP,
      { amiType: "AL2023_X86_64_NVIDIA" },
      /\.amiType: .* is none of/,
    ],
    [
      "a capacity type of other capitals",
      GROUP,
      { capacityType: "Spot" },
      /\.capacityType: 'Spot' is none of/,
    ],
    ["no role of nodes", GROUP, { nodeRoleArn: undefined }, /\.nodeRole: is missing/],
    ["an input that no call has", GROUP, { diskSpeed: 5 }, /\.diskSpeed: the call has no such member/],
    ["a negative size", GROUP, { scalingConfig: { minSize: -1 } }, /minSize is -1, at least 0/],
    ["one subnet, not a list", GROUP, { subnetIds: "subnet-1" }, /\.subnets: not a list/],
    [
      "a support type of other capitals",
      "aws:eks/cluster:Cluster",
      { upgradePolicy: { supportType: "Standard" } },
      /\.supportType: 'Standard' is none of STANDARD/,
    ],
    ["a size that is no number", TEMPLATE, disk({ volumeSize: "much" }), /VolumeSize: not a number/],
    ["an unknown kind of disk", TEMPLATE, disk({ volumeType: "gp4" }), /VolumeType: 'gp4' is none of/],
    ["an unknown part of a disk", TEMPLATE, disk({ speed: 5 }), /Ebs\.speed: the call has no such member/],
    ["a switch that is neither", TEMPLATE, disk({ encrypted: "yes" }), /Encrypted: neither true nor false/],
    ["a name that IAM refuses", "aws:iam/role:Role", { name: "a role" }, /RoleName: 'a role' does not match/],
    ["a session that is too long", "aws:iam/role:Role", { maxSessionDuration: 50000 }, /at most 43200/],
    [
      "days that logs are not kept for",
      "aws:cloudwatch/logGroup:LogGroup",
      { retentionInDays: 100 },
      /retentionInDays: 100 is none of/,
    ],
    [
      "an entry of an unknown kind",
      "aws:eks/accessEntry:AccessEntry",
      { type: "standard" },
      /type: 'standard' is none of/,
    ],
  ])("are refused for %s", async (_what, type, change, expected) => {
    const good = all().find((each) => each.type === type)!;
    const bad = { ...good, inputs: { ...good.inputs, ...change } };
    expect(await check([good, bad])).toEqual([expect.stringMatching(expected)]);
  });

  it("are refused where no row says how they are made", async () => {
    const unknown = { type: "aws:sqs/queue:Queue", name: "queue", inputs: {} };
    expect(await check([unknown])).toEqual([expect.stringContaining("no row")]);
  });

  describe("and their policies", () => {
    it("have no finding that is not explained, and no explanation is left over", async () => {
      const policies = policiesOf(all());
      expect(policies.length).toBeGreaterThan(50);
      const findings = await lint(policies);
      const explains = (finding: PolicyFinding) =>
        EXCEPTIONS.filter(
          ({ where, issue, detail }) =>
            where.test(finding.where) && issue === finding.issue && detail.test(finding.detail),
        );
      expect(findings.filter((finding) => explains(finding).length === 0)).toEqual([]);
      expect(
        EXCEPTIONS.filter((row) => !findings.some((finding) => explains(finding).includes(row))),
      ).toEqual([]);
    });

    it.each([
      ["an unknown action", "s3:GetObjekt", "arn:aws:s3:::data/*", "UNKNOWN_ACTION"],
      ["an unknown service", "s4:GetObject", "arn:aws:s3:::data/*", "UNKNOWN_PREFIX"],
      ["a resource that the action is not about", "s3:GetObject", "arn:aws:s3:::data", "RESOURCE_MISMATCH"],
      ["an action on everything", "s3:GetObject", "*", "RESOURCE_STAR"],
      ["a service on everything", "s3:*", "*", "WILDCARD"],
      ["everything", "*", "*", "WILDCARD"],
    ])("are refused for %s", async (_what, Action, Resource, issue) => {
      const document = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] };
      const findings = await lint([{ where: "RolePolicy bad policy", document: JSON.stringify(document) }]);
      expect(findings.map((finding) => finding.issue)).toContain(issue);
    });
  });
});
