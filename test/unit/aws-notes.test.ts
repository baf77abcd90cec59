import { describe, expect, it } from "vitest";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { awsNotes } from "../../core/plan/aws-notes.ts";
import { planAws } from "../../core/plan/aws-plan.ts";
import { planPools, type PooledFineTune, type PooledServer } from "../../core/plan/gpu-pools.ts";
import { awsSchema } from "../../core/spec/aws.ts";
import { TEST_STACK } from "./pooled-stack.ts";

const NEED = { hostBytes: 4e9, cores: 1 };
const trainedOn = (name: string, gpu: "l4" | "rtx-pro-6000" | "h100-80gb"): PooledFineTune => ({
  name,
  ...NEED,
  flight: { best: { gpu, purchase: "spot" } },
});
const served: PooledServer = { key: "base-vllm", engine: "vllm", gpu: "l4", fineTunes: ["a"], ...NEED };

const CLUSTER = {
  adminRoles: ["arn:aws:iam::111122223333:role/deploy"],
  autoscalerImage: `registry.example/autoscaler@sha256:${"a1".repeat(32)}`,
};

/** Notes of a stack with these settings, made by the planner. */
function notesOf(
  changes: Record<string, object | string> = {},
  fineTunes: PooledFineTune[] = [trainedOn("a", "l4")],
  servers: PooledServer[] = [],
): string[] {
  const settings = awsSchema.parse({ cluster: CLUSTER, ...changes });
  const { pools, ...poolOf } = planPools(fineTunes, servers, settings, INSTANCES);
  return awsNotes(planAws({ ...TEST_STACK, settings, fineTunes: [], pools, poolOf }));
}

const about = (notes: string[], start: string) => notes.filter((note) => note.startsWith(start));

describe("quotas", () => {
  it("count the largest type of each pool on all its nodes, spot and on demand apart", () => {
    const notes = notesOf({ gpu: { maxNodes: 3, instances: ["g6.xlarge", "g6.4xlarge"] } }, undefined, [
      served,
    ]);
    const quotas = about(notes, "quota");
    expect(quotas).toHaveLength(2);
    expect(quotas[0]).toMatch(/^quota L-3819A6DF \(All G and VT Spot.*at most 48 vCPUs in us-east-1/);
    expect(quotas[1]).toMatch(/^quota L-DB2E81BA \(Running On-Demand G and VT.*at most \d+ vCPUs/);
  });

  it("are summed over the pools of one quota", () => {
    const alone = about(notesOf({ gpu: { instances: ["g6.xlarge"] } }), "quota");
    const together = about(
      notesOf({ gpu: { instances: ["g6.xlarge"], share: "fine-tune" } }, [
        trainedOn("a", "l4"),
        trainedOn("b", "l4"),
      ]),
      "quota",
    );
    expect(alone).toEqual([expect.stringContaining("at most 8 vCPUs")]);
    expect(together).toEqual([expect.stringContaining("at most 16 vCPUs")]);
  });

  it("of P instances are others, with the command that asks for the present value", () => {
    expect(about(notesOf({}, [trainedOn("a", "h100-80gb")]), "quota")).toEqual([
      expect.stringMatching(
        /L-7212CCBC \(All P Spot Instance Requests\).* 32 vCPUs.*get-service-quota .*--quota-code L-7212CCBC$/,
      ),
    ]);
    const onDemand = notesOf({ gpu: { purchase: "on-demand" } }, [trainedOn("a", "h100-80gb")]);
    expect(about(onDemand, "quota")).toEqual([expect.stringContaining("L-417A185B")]);
  });

  it("do not hold for a capacity block", () => {
    const gpu = {
      purchase: "capacity-block",
      instances: ["p5.4xlarge"],
      capacityReservation: "cr-0123456789abcdef0",
      capacityZone: "use1-az4",
    };
    expect(about(notesOf({ gpu }, [trainedOn("a", "h100-80gb")]), "quota")).toEqual([]);
  });
});

describe("zones", () => {
  it("are one line where every type is in each", () => {
    expect(about(notesOf(), "zones")).toEqual([expect.stringContaining("is in each of its zones")]);
  });

  it("name those that lack a type", () => {
    const notes = about(notesOf({}, [trainedOn("a", "rtx-pro-6000")]), "zones");
    expect(notes[0]).toMatch(/^zones: g7e\.2xlarge of pool .* is in use1-az2, use1-az6, not in use1-az4$/);
  });

  it("say that no node can start, and which zone would do, where none has it", () => {
    const network = { zones: ["use1-az1", "use1-az4"] };
    expect(about(notesOf({ network }, [trainedOn("a", "rtx-pro-6000")]), "zones")[0]).toMatch(
      /is in none of use1-az1, use1-az4, so no node of it can start: .* one of use1-az2, use1-az6$/,
    );
  });

  it.each([
    ["another region", { region: "eu-west-1", network: { zones: ["euw1-az1", "euw1-az2"] } }, "eu-west-1"],
    [
      "a VPC that is there already",
      { network: { vpc: "vpc-12345678", privateSubnets: ["subnet-12345678", "subnet-22345678"] } },
      "vpc-12345678",
    ],
  ])("of %s are unknown, and a command asks for them", (_what, changes, named) => {
    const [note, ...more] = about(notesOf(changes), "zones");
    expect(more).toEqual([]);
    expect(note).toContain(named);
    expect(note).toMatch(/unknown.*aws ec2 describe-instance-type-offerings .*Values=.*g6/);
  });
});

describe("the cost at rest", () => {
  const atRest = (changes: Record<string, object | string> = {}) => about(notesOf(changes), "at rest")[0];

  it("sums control plane, system nodes and the way out", () => {
    // 0.10 × 730 + 2 × 0.1008 × 730 + 0.045 × 730
    expect(atRest()).toMatch(
      /about \$253 a month: EKS control plane \$73\.00, 2 × m7i\.large \$147, NAT gateway .*\$32\.85;/,
    );
  });

  it("counts an endpoint in each zone where there is no way out", () => {
    expect(atRest({ network: { egress: "endpoints" } })).toMatch(/33 interface endpoints \$241/);
  });

  it("says where a price is not known, and that prices are those of another region", () => {
    const cluster = { ...CLUSTER, systemInstance: "c8g.large" };
    expect(atRest({ cluster })).toMatch(/about \$106 a month: .*2 × c8g\.large \(price unknown here\)/);
    const network = { zones: ["euw1-az1", "euw1-az2"] };
    expect(atRest({ region: "eu-west-1", network })).toContain("at prices of us-east-1 and not of eu-west-1");
    expect(atRest()).not.toContain("not of");
  });

  it("adds nothing fixed to a cluster and a network that are there already", () => {
    const network = { vpc: "vpc-12345678", privateSubnets: ["subnet-12345678", "subnet-22345678"] };
    expect(atRest({ cluster: { existing: "shared" }, network })).toMatch(
      /^at rest this stack adds nothing fixed to cluster shared; besides \$0\.30 a GB/,
    );
  });

  it("is told of a stack without any GPU too, which has no quotas and zones to look at", () => {
    const notes = notesOf({}, []);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^at rest/);
  });
});

it("a note says that the choice of instance can move, and what pins it", () => {
  expect(notesOf()).toContainEqual(expect.stringMatching(/another instance may be chosen: gpu\.instances/));
});
