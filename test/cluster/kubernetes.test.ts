import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rows, writeModel } from "../engine/fixtures.ts";
import { tierRuns } from "../engine/tier.ts";
import { ClusterProject } from "./cluster-project.ts";
import { missingForCluster, startCluster } from "./equipment.ts";

const runs = tierRuns("cluster", missingForCluster());

describe.runIf(runs)("the same spec on a real Kubernetes", () => {
  let stack: ClusterProject;

  beforeAll(async () => {
    stack = new ClusterProject(await startCluster(console.log), `tuneform-test-${process.pid}`);
    stack.writeStack({ gpu: "l4", nodeSelector: { "nvidia.com/gpu.present": "true" } });
    for (const name of ["triage", "second"]) {
      await writeModel(stack.project, name, name === "second" ? { train: { seed: 7 } } : {});
      stack.project.write(`data/${name}.jsonl`, rows(name === "second" ? 220 : 200));
    }
    await stack.startClient();
  });
  afterAll(() => stack.remove());

  it("trains, judges and serves two fine-tunes of one base", async () => {
    const result = await stack.up();
    console.log(String(result.all));
    expect(result.exitCode, String(result.all)).toBe(0);
  });
});
