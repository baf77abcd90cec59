import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeGroupName } from "../../core/aws/gpu-nodes.ts";
import { GPUS } from "../../core/catalog/gpus.ts";
import { INSTANCES, type Instance } from "../../core/catalog/instances.ts";
import { planAws } from "../../core/plan/aws-plan.ts";
import {
  allocatable,
  GPU_TAINT,
  holds,
  isOffered,
  nodesOfPool,
  planPools,
  POOL_LABEL,
} from "../../core/plan/gpu-pools.ts";
import { podMemoryBytes } from "../../core/plan/pod-memory.ts";
import { pooledStack, servedOn, settingsWith, tuneOn } from "./pooled-stack.ts";

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

type PooledStack = typeof pooledStack extends fc.Arbitrary<infer Made> ? Made : never;

const planned = ({ gpu, fineTunes, servers }: PooledStack) =>
  planPools(fineTunes, servers, settingsWith(gpu), INSTANCES);

describe("every pool", () => {
  it("has what each of its pods asks for, on each of its types", () => {
    fc.assert(
      fc.property(pooledStack, (made) => {
        const { pools, training, serving } = planned(made);
        const demands = [
          ...made.fineTunes.map((each) => ({ ...each, pool: training[each.name] })),
          ...made.servers.map((each) => ({ ...each, pool: serving[each.key] })),
        ];
        for (const { pool: at, hostBytes, cores } of demands) {
          const [pool, ...others] = pools.filter((each) => each.name === at);
          expect(others).toEqual([]);
          for (const instance of pool!.instances) {
            const node = allocatable(instance);
            expect(podMemoryBytes(hostBytes)).toBeLessThanOrEqual(node.bytes);
            expect(cores).toBeLessThanOrEqual(node.cores);
          }
        }
      }),
    );
  });

  it("has one GPU model, the one that was planned, which trains bf16 on a stock x86 image", () => {
    fc.assert(
      fc.property(pooledStack, (made) => {
        const { pools, training } = planned(made);
        for (const { gpu, instances } of pools) {
          expect(new Set(instances.map((each) => each.gpu))).toEqual(new Set([gpu]));
          for (const { count, arch, stockAmi } of instances)
            expect({ count, arch, stockAmi }).toEqual({ count: 1, arch: "amd64", stockAmi: true });
          expect(GPUS[gpu].bf16).toBe(true);
        }
        for (const each of made.fineTunes)
          expect(pools.find((pool) => pool.name === training[each.name])?.gpu).toBe(each.flight?.best?.gpu);
      }),
    );
  });

  it("has several types on spot alone, the cheapest first", () => {
    fc.assert(
      fc.property(pooledStack, (made) => {
        for (const { instances, purchase } of planned(made).pools) {
          if (purchase !== "spot") expect(instances).toHaveLength(1);
          const prices = instances.map(({ usdPerHour }) => usdPerHour ?? Infinity);
          expect(prices).toEqual([...prices].sort((a, b) => a - b));
        }
      }),
    );
  });

  it("has a name of its own that a label, a node group and a template take", () => {
    fc.assert(
      fc.property(pooledStack, fc.stringMatching(/^[a-z][a-z0-9-]{0,40}$/), (made, stackName) => {
        const { pools, ...poolOf } = planned(made);
        const settings = settingsWith(made.gpu);
        const plan = planAws({
          stack: stackName,
          namespace: "n",
          settings,
          fineTunes: [],
          servers: [],
          pools,
          poolOf,
        });
        const groups = pools.map((pool) => nodeGroupName(plan, pool));
        for (const each of [...pools.map((pool) => pool.name), ...groups]) {
          expect(each).toMatch(DNS_LABEL);
          expect(each.length).toBeLessThanOrEqual(63);
        }
        expect(new Set(groups).size).toBe(pools.length);
      }),
    );
  });

  it("knows whom it is for", () => {
    fc.assert(
      fc.property(pooledStack, (made) => {
        const { pools, training } = planned(made);
        for (const pool of pools.filter(({ purpose }) => purpose === "training"))
          expect([...pool.fineTunes].sort()).toEqual(
            Object.keys(training)
              .filter((each) => training[each] === pool.name)
              .sort(),
          );
      }),
    );
  });
});

describe("share", () => {
  it("fine-tune: gives each its own", () => {
    fc.assert(
      fc.property(pooledStack, (made) => {
        const { training } = planned({ ...made, gpu: { ...made.gpu, share: "fine-tune" } });
        expect(new Set(Object.values(training)).size).toBe(made.fineTunes.length);
      }),
    );
  });

  it("instance-type: one for all that train on the same, bought the same way", () => {
    const { pools } = planPools(
      [tuneOn("a"), tuneOn("b"), tuneOn("c", "l40s")],
      [],
      settingsWith(),
      INSTANCES,
    );
    expect(pools.map(({ name: of, fineTunes }) => [of, fineTunes])).toEqual([
      ["train-g6-xlarge-spot", ["a", "b"]],
      ["train-g6e-xlarge-spot", ["c"]],
    ]);
  });

  it("never puts a server on the nodes of a training", () => {
    fc.assert(
      fc.property(pooledStack, (made) => {
        const { training, serving } = planned(made);
        const shared = Object.values(serving).filter((pool) => Object.values(training).includes(pool));
        expect(shared).toEqual([]);
      }),
    );
  });
});

describe("pools are not made for", () => {
  it("a fine-tune without a GPU job", () => {
    const nothing = { ...tuneOn("a"), flight: null };
    const unplanned = { ...tuneOn("b"), flight: { best: null } };
    expect(planPools([nothing, unplanned], [], settingsWith(), INSTANCES)).toEqual({
      pools: [],
      training: {},
      serving: {},
    });
  });

  it("a server on the CPU, which runs on the system nodes", () => {
    const cpu = {
      key: "a",
      engine: "cpu" as const,
      gpu: null,
      fineTunes: ["a"],
      hostBytes: 4e9,
      cores: 1,
    };
    expect(planPools([], [cpu], settingsWith(), INSTANCES).pools).toEqual([]);
  });
});

describe("purchase", () => {
  const bought = (gpu: object) =>
    planPools([tuneOn("a", "h100-80gb")], [servedOn("s")], settingsWith(gpu), INSTANCES).pools.map(
      ({ purpose, purchase }) => [purpose, purchase],
    );

  it("auto: is the cheaper job's; a server is on demand whatever trains", () => {
    expect(bought({ purchase: "auto" })).toEqual([
      ["training", "spot"],
      ["serving", "on-demand"],
    ]);
  });

  it("of the settings wins over the cheaper job's", () => {
    expect(bought({ purchase: "on-demand" })[0]).toEqual(["training", "on-demand"]);
    const block = {
      purchase: "capacity-block",
      instances: ["p5.4xlarge"],
      capacityReservation: "cr-0123456789abcdef0",
      capacityZone: "use1-az2",
    };
    expect(bought(block)).toEqual([
      ["training", "capacity-block"],
      ["serving", "on-demand"],
    ]);
  });
});

describe("types that nobody may take", () => {
  const offered = (purpose: "training" | "serving", gpu: object = {}) =>
    INSTANCES.filter((instance) => isOffered(instance, settingsWith(gpu), purpose)).map(({ type }) => type);

  it.each([
    ["a T4, which has no bf16", "g4dn.xlarge"],
    ["a type whose driver the EKS images lack", "g7.2xlarge"],
    ["ARM, for which there is no trainer image", "g5g.xlarge"],
    ["several GPUs, of which a Job takes one", "g6.12xlarge"],
    ["eight GPUs", "p5.48xlarge"],
  ])("%s: %s", (_why, type) => {
    expect(INSTANCES.map((instance) => instance.type)).toContain(type);
    expect(offered("training")).not.toContain(type);
    expect(offered("serving")).not.toContain(type);
  });

  it("fractions of a GPU, where Karpenter or Auto Mode makes the nodes", () => {
    const fractions = (nodes: string) =>
      offered("training", { nodes }).filter((type) => /^gr?6f\./.test(type));
    expect(fractions("node-groups")).not.toEqual([]);
    expect(fractions("karpenter")).toEqual([]);
    expect(fractions("auto-mode")).toEqual([]);
  });

  it("all but those that are named, for each purpose its own", () => {
    const gpu = { instances: ["g6.xlarge"], servingInstances: ["g6e.xlarge"] };
    expect(offered("training", gpu)).toEqual(["g6.xlarge"]);
    expect(offered("serving", gpu)).toEqual(["g6e.xlarge"]);
  });

  it("too small ones: a planner that leaves none is told so", () => {
    const huge = { ...tuneOn("a"), hostBytes: 1e12 };
    expect(() => planPools([huge], [], settingsWith(), INSTANCES)).toThrow("no instance for a");
  });
});

describe("a node", () => {
  const g6: Instance = INSTANCES.find(({ type }) => type === "g6.xlarge")!;

  it("holds less than it has: the system keeps some", () => {
    const { bytes, cores } = allocatable(g6);
    expect(bytes).toBeLessThan(g6.memoryGib * 2 ** 30);
    expect(cores).toBeLessThan(g6.vcpu);
  });

  it("does not hold a pod that asks for all of its cores, or for all of its memory", () => {
    expect(holds(g6, { hostBytes: 1e9, cores: g6.vcpu - 1 })).toBe(true);
    expect(holds(g6, { hostBytes: 1e9, cores: g6.vcpu })).toBe(false);
    expect(holds(g6, { hostBytes: g6.memoryGib * 2 ** 30, cores: 1 })).toBe(false);
  });

  it("is selected by its pool's label, and its taint tolerated whatever its value", () => {
    expect(nodesOfPool("train-a")).toEqual({
      nodeSelector: { [POOL_LABEL]: "train-a" },
      tolerations: [{ key: GPU_TAINT.key, operator: "Exists", effect: "NoSchedule" }],
    });
    expect(nodesOfPool(null)).toEqual({ nodeSelector: {}, tolerations: [] });
  });
});
