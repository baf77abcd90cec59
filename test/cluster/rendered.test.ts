import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rows, writeModel } from "../engine/fixtures.ts";
import { tierRuns } from "../engine/tier.ts";
import { ClusterProject, waitUntil } from "./cluster-project.ts";
import { missingForCluster, startCluster } from "./equipment.ts";

const runs = tierRuns("cluster", missingForCluster());

describe.runIf(runs)("rendered files, applied without Pulumi", () => {
  let stack: ClusterProject;

  beforeAll(async () => {
    stack = new ClusterProject(await startCluster(console.log), `tuneform-rendered-${process.pid}`);
    stack.writeStack();
    await writeModel(stack.project, "triage");
    stack.project.write("data/triage.jsonl", rows(200));
    await stack.startClient();
  }, 45 * 60_000);
  afterAll(() => stack.remove());

  it("train, and serve what was trained behind the alias", async () => {
    const render = ["render", "--stack", "test", "--out", "rendered", "--with-data"];
    const rendered = await stack.project.tuneform(render);
    expect(rendered.exitCode, String(rendered.all)).toBe(0);
    await stack.kubectlAnywhere(["apply", "-f", stack.project.path("rendered")]);
    const [job = ""] = (await stack.kubectl(["get", "jobs", "-o", "name"])).trim().split("\n");
    await stack.kubectl(["wait", "--for=condition=Complete", job, "--timeout=500s"]);
    // The server restarted until its adapter was there, after longer and longer pauses.
    const answer = await waitUntil(() => stack.ask("triage", "aaaa stone").catch(() => undefined), 400);
    expect(answer).toEqual({ model: job.replace("job.batch/", ""), text: "yes" });
    expect((await stack.ask("triage", "zzzz stone")).text).toBe("no");
  });

  it("are what is in the cluster then: nothing drifts from them by itself", async () => {
    expect(await stack.kubectlAnywhere(["diff", "-f", stack.project.path("rendered")])).toBe("");
  });
});
