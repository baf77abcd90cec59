import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelOutputs } from "../../components/fine-tune.ts";
import { rows, writeModel } from "./fixtures.ts";
import { TestProject } from "./project.ts";
import { has, tierRuns } from "./tier.ts";

const runs = tierRuns("engine", has("pulumi") ? [] : ["pulumi"]);

interface Answer {
  model: string;
  choices: { message: { content: string } }[];
}

/** One request as an application sends it; throws on any status but 200. */
async function ask(model: ModelOutputs, content: string): Promise<Answer> {
  const messages = [
    { role: "system", content: model.systemPrompt },
    { role: "user", content },
  ];
  const response = await fetch(`${model.endpoint}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: model.alias, messages, max_tokens: 4, temperature: 0 }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** Requests twice a second until stopped; keeps every failure and which model answered. */
function requestStream(model: ModelOutputs) {
  const failures: string[] = [];
  const answeredBy = new Set<string>();
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    ask(model, "aaaa stone").then(
      (answer) => answeredBy.add(answer.model),
      (error: unknown) => failures.push(String(error)),
    );
  }, 500);
  return { failures, answeredBy, sent: () => sent, stop: () => clearInterval(timer) };
}

describe.runIf(runs)("the loop on one machine, with a real engine, trainer and server", () => {
  let project: TestProject;

  beforeAll(async () => {
    project = new TestProject();
    await project.writeStack();
    await writeModel(project, "triage");
    project.write("data/triage.jsonl", rows(200));
  });
  afterAll(() => project.remove());

  const up = () => project.tuneform(["up", "--stack", "test"]);
  async function outputs(): Promise<Record<string, ModelOutputs>> {
    const { stdout } = await project.tuneform(["outputs", "--stack", "test"]);
    return (JSON.parse(String(stdout)) as { models: Record<string, ModelOutputs> }).models;
  }
  const model = async () => (await outputs())["triage"] as ModelOutputs;
  const adapters = () => fs.readdirSync(project.path(".tuneform", "workspace", "runs"));

  it("trains, promotes and serves what one YAML file declares", async () => {
    const result = await up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toContain("promoted");
    const outputs = await model();
    expect(outputs).toMatchObject({ alias: "triage", verdict: "promoted", contractVersion: 1 });
    expect(outputs.score?.tuned).toBeGreaterThan(outputs.score?.base ?? 1);
    const answer = await ask(outputs, "aaaa stone");
    expect(answer.model).toBe(outputs.modelId);
    expect(answer.choices[0]?.message.content).toBe("yes");
    expect((await ask(outputs, "zzzz stone")).choices[0]?.message.content).toBe("no");
  });

  it("changes nothing when nothing changed, nor when only the description did", async () => {
    const before = await model();
    const started = project.readJson<{ runId: string }>(
      ".tuneform",
      "workspace",
      "runs",
      before.runId,
      "training.json",
    );
    await writeModel(project, "triage", { description: "another text" });
    const result = await up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).not.toMatch(/created|updated|train:/);
    expect(await model()).toEqual(before);
    expect(project.readJson(".tuneform", "workspace", "runs", before.runId, "training.json")).toEqual(
      started,
    );
  });

  it("trains a changed rank as a new run and moves the alias while requests never fail", async () => {
    const before = await model();
    const stream = requestStream(before);
    await writeModel(project, "triage", { train: { rank: 4 } });
    const result = await up();
    await ask(before, "aaaa river").then((answer) => stream.answeredBy.add(answer.model));
    stream.stop();
    expect(result.exitCode, String(result.all)).toBe(0);
    const after = await model();
    expect(after.runId).not.toBe(before.runId);
    expect(adapters()).toEqual(expect.arrayContaining([before.runId, after.runId]));
    expect(stream.sent()).toBeGreaterThan(3);
    expect(stream.failures).toEqual([]);
    expect([...stream.answeredBy]).toEqual([before.modelId, after.modelId]);
  });

  it("refuses a fine-tune whose labels mean nothing; the incumbent keeps answering", async () => {
    const incumbent = await model();
    project.write("data/triage.jsonl", rows(200, true));
    const result = await up();
    expect(result.exitCode).toBe(20);
    expect(result.all).toContain("rejected");
    expect(await model()).toEqual(incumbent);
    expect((await ask(incumbent, "aaaa stone")).model).toBe(incumbent.modelId);
  });

  it("rolls back when the change is reverted, without training", async () => {
    const incumbent = await model();
    project.write("data/triage.jsonl", rows(200));
    await writeModel(project, "triage");
    const result = await up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect(result.all).toContain("train: already done, skipped");
    const reverted = await model();
    expect(reverted.runId).not.toBe(incumbent.runId);
    expect((await ask(reverted, "aaaa stone")).model).toBe(reverted.modelId);
  });

  it("starts a server that was killed again", async () => {
    const { endpoint } = await model();
    const [key = ""] = fs.readdirSync(project.path(".tuneform", "workspace", "servers"));
    const { pid } = project.readJson<{ pid: number }>(".tuneform", "workspace", "servers", key, "pid.json");
    process.kill(pid, "SIGKILL");
    const result = await up();
    expect(result.exitCode, String(result.all)).toBe(0);
    expect((await fetch(`${endpoint}/models`)).ok).toBe(true);
    expect((await ask(await model(), "aaaa stone")).choices[0]?.message.content).toBe("yes");
  });

  it("serves a second fine-tune of the same base from the same process", async () => {
    await writeModel(project, "second", { train: { seed: 7 } });
    project.write("data/second.jsonl", rows(220));
    const result = await up();
    expect(result.exitCode, String(result.all)).toBe(0);
    const { triage, second } = await outputs();
    expect(second?.endpoint).toBe(triage?.endpoint);
    expect(fs.readdirSync(project.path(".tuneform", "workspace", "servers"))).toHaveLength(1);
    expect((await ask(second as ModelOutputs, "aaaa stone")).model).toBe(second?.modelId);
  });

  const endings = [
    { how: "on Ctrl-C", seed: 8, end: (update: ChildProcess) => void update.kill("SIGINT") },
    {
      how: "when nobody reads what it prints any more",
      seed: 9,
      end: ({ stdout, stderr }: ChildProcess) => {
        stdout?.destroy();
        stderr?.destroy();
      },
    },
  ];
  it.each(endings)("stops $how, and the next update finishes the work", async ({ seed, end }) => {
    await writeModel(project, "second", { train: { seed, epochs: 40 } });
    const interrupted = project.tuneform(["up", "--stack", "test"], { all: false, buffer: false });
    await new Promise<void>((resolve) => {
      interrupted.stdout?.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("train ▸")) resolve();
      });
      void interrupted.then(() => resolve());
    });
    end(interrupted);
    const result = await interrupted;
    expect(result.exitCode).toBe(143);
    expect((await ask(await model(), "aaaa stone")).choices[0]?.message.content).toBe("yes");
    const resumed = await up();
    expect(resumed.exitCode, String(resumed.all)).toBe(0);
    expect(resumed.all).toMatch(/resum/);
  });

  it("stops the server on destroy and leaves the adapters", async () => {
    const { endpoint, runId } = await model();
    const result = await project.tuneform(["destroy", "--stack", "test"]);
    expect(result.exitCode, String(result.all)).toBe(0);
    await expect(fetch(`${endpoint}/models`)).rejects.toThrow();
    expect(adapters()).toContain(runId);
  });
});
