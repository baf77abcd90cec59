import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { serverManifests } from "../../core/kubernetes/server.ts";
import { dnsName } from "../../core/plan/dns-name.ts";
import { clusterSpeed } from "../../core/plan/time.ts";
import { readDataParts } from "../../loading/data-parts.ts";
import { CPU_ONLY, exampleManifests, exampleStack, ofKind, podsOf } from "./kubernetes-example.ts";

describe("data in Secrets", () => {
  it("is what was in the files, in pieces that a Secret holds, and names no operating system", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-parts-"));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (content) => {
        const file = path.join(folder, "x");
        fs.writeFileSync(file, content);
        const { sha = [] } = readDataParts({ sha: file });
        const bytes = sha.map((part) => Buffer.from(part, "base64"));
        expect(gunzipSync(Buffer.concat(bytes))).toEqual(Buffer.from(content));
        expect(Buffer.concat(bytes)[9]).toBe(255);
      }),
      { numRuns: 30 },
    );
    const large = path.join(folder, "large");
    const noise = Uint8Array.from({ length: 2_000_000 }, (_, i) => (Math.sin(i) * 1e6) & 255);
    fs.writeFileSync(large, noise);
    const { sha = [] } = readDataParts({ sha: large });
    expect(sha.length).toBeGreaterThan(1);
    for (const part of sha) expect(Buffer.from(part, "base64").length).toBeLessThanOrEqual(900_000);
    fs.rmSync(folder, { recursive: true });
  });
});

describe("what a Job gets", () => {
  const jobOf = (plan: ReturnType<typeof exampleStack>) =>
    ofKind<{ spec: Record<string, unknown> } & ReturnType<typeof exampleManifests>[0]>(
      exampleManifests(plan),
      "Job",
    )[0]!;

  it("is twice the time that was planned at most, and half an hour", () => {
    const plan = exampleStack(CPU_ONLY);
    const { high } = plan.fineTunes[0]!.seconds!;
    expect(jobOf(plan).spec["activeDeadlineSeconds"]).toBe(Math.ceil(2 * high + 1800));
    expect(jobOf(exampleStack({ deadlineHours: 2.5 })).spec["activeDeadlineSeconds"]).toBe(9000);
  });

  it("is a quarter and a gigabyte more memory than planned, in steps of 256 MiB", () => {
    const plan = exampleStack(CPU_ONLY);
    const [pod] = podsOf(exampleManifests(plan));
    const limit =
      Number(/^(\d+)Mi$/.exec(pod!.spec.containers[0]!.resources.limits["memory"]!)![1]) * 2 ** 20;
    const wanted = plan.fineTunes[0]!.memory!.peakBytes * 1.25 + 1e9;
    expect(limit).toBeGreaterThanOrEqual(wanted);
    expect(limit - wanted).toBeLessThan(256 * 2 ** 20);
  });

  it("does not change with the machine that plans it: speed is that of the cores asked for", () => {
    expect(clusterSpeed("500m")).toEqual({ source: "assumption", flopsPerSecond: 17.5e9 });
    expect(clusterSpeed("4")).toEqual({ source: "assumption", flopsPerSecond: 140e9 });
  });

  it("is another pod template when the gate changes, so that the same run is judged again", () => {
    const evaluation = (gate: object) => JSON.stringify(jobOf(exampleStack({}, [{ gate }])).spec["template"]);
    expect(evaluation({ minImprovement: 0.3 })).not.toBe(evaluation({ minImprovement: 0.1 }));
  });
});

describe("a server", () => {
  const version = (runId: string, rank?: number) => ({
    modelId: `triage-${runId}`,
    runId,
    ...(rank === undefined ? {} : { rank }),
  });
  const deploymentOf = (changes: object, ...versions: ReturnType<typeof version>[]) => {
    const plan = exampleStack(changes);
    return serverManifests(plan, plan.servers[0]!, versions).deployment;
  };
  const args = (...versions: ReturnType<typeof version>[]) =>
    deploymentOf({}, ...versions).spec.template.spec.containers[0]!.args;

  it("of vLLM holds the version that serves and the one before it, each once", () => {
    const both = args(version("b"), version("a"), version("b"));
    expect(both.slice(both.indexOf("--lora-modules") + 1)).toEqual([
      "triage-b=/workspace/runs/b/adapter",
      "triage-a=/workspace/runs/a/adapter",
    ]);
  });

  it("of vLLM has slots for an earlier version of a larger rank", () => {
    expect(args(version("b"))).toContain("--max-lora-rank=16");
    expect(args(version("b"), version("a", 50))).toContain("--max-lora-rank=64");
  });

  it("of vLLM answers before anything was promoted: the base alone", () => {
    expect(args().join(" ")).not.toContain("lora");
  });

  it("without a GPU asks for the cores that the stack gives it, one unless set", () => {
    const asked = (changes: object) =>
      deploymentOf({ ...CPU_ONLY, ...changes }).spec.template.spec.containers[0]!.resources.requests["cpu"];
    expect(asked({})).toBe("1");
    expect(asked({ serverCpuRequest: "250m" })).toBe("250m");
  });

  describe("of merged weights", () => {
    const plan = exampleStack({}, [{}], {}, "test", BASE_MODELS["stablelm-2-1.6b"]);
    const server = (...versions: ReturnType<typeof version>[]) => {
      const { spec } = serverManifests(plan, plan.servers[0]!, versions).deployment;
      return { replicas: spec["replicas"], args: spec.template.spec.containers[0]!.args };
    };

    it("holds the version that serves alone, under its immutable name and without LoRA", () => {
      const { replicas, args } = server(version("b"), version("a"));
      expect(replicas).toBe(1);
      expect(args.slice(0, 2)).toEqual(["/workspace/runs/b/merged", "--served-model-name=triage-b"]);
      expect(args.join(" ")).not.toContain("lora");
    });

    it("takes no GPU before anything was promoted", () => {
      expect(server().replicas).toBe(0);
    });
  });

  it("of vLLM refuses versions of fine-tunes that the stack has not", () => {
    expect(() => args({ modelId: "other-a", runId: "a" })).toThrow(/other-a is a version of no fine-tune/);
  });

  it("of vLLM frees its GPU before its successor asks for one, that of the trainer overlaps", () => {
    const strategy = (changes: object) => deploymentOf(changes).spec["strategy"];
    expect(strategy({})).toMatchObject({ rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } });
    expect(strategy(CPU_ONLY)).toMatchObject({ rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
  });

  it("of the trainer is not restarted by a promotion, but by other settings", () => {
    const template = (changes: object, ...versions: ReturnType<typeof version>[]) =>
      JSON.stringify(deploymentOf({ ...CPU_ONLY, ...changes }, ...versions).spec.template);
    expect(template({}, version("b"), version("a"))).toBe(template({}, version("a")));
    const longer = exampleStack(CPU_ONLY, [{ serve: { maxLength: 4096 } }]);
    const { deployment } = serverManifests(longer, longer.servers[0]!, []);
    expect(JSON.stringify(deployment.spec.template)).not.toBe(template({}));
  });
});

describe("a DNS name", () => {
  it("that is cut stays apart from others with the same beginning", () => {
    const long = "a".repeat(70);
    expect(dnsName(long, "x")).not.toBe(dnsName(long, "y"));
    expect(dnsName(long, "x")).toHaveLength(63);
  });

  it("is one whatever it is made of", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (parts) => {
        expect(dnsName(...parts)).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      }),
    );
  });
});
