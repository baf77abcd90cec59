import path from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { PretendMachine } from "./setup-machine.ts";

const root = path.resolve(import.meta.dirname, "..", "..");

async function summaryOf(outputs: string) {
  const machine = new PretendMachine();
  const file = machine.write("outputs.json", outputs);
  try {
    const script = [".github/scripts/deployed.ts", file];
    return await execa(process.execPath, ["--import", "tsx", ...script], { cwd: root, reject: false });
  } finally {
    machine.remove();
  }
}

describe("the summary of a deployment", () => {
  it("says what serves under each name, by name", async () => {
    const models = {
      triage: {
        alias: "triage",
        modelId: "triage-2713bd7bf4d4",
        endpoint: "http://127.0.0.1:8017/v1",
        verdict: "promoted",
        score: { base: 0.5343, tuned: 0.951, incumbent: null },
      },
      // A run that has not been promoted yet hands nothing on.
      routing: { alias: "routing" },
    };
    const { stdout, exitCode } = await summaryOf(JSON.stringify({ models }));
    expect(exitCode).toBe(0);
    expect(stdout.trim().split("\n")).toEqual([
      "## Deployed",
      "",
      "| fine-tune | verdict | base | tuned | model | endpoint |",
      "| --- | --- | --- | --- | --- | --- |",
      "| `routing` | none |  |  |  |  |",
      "| `triage` | promoted | 0.534 | 0.951 | `triage-2713bd7bf4d4` | `http://127.0.0.1:8017/v1` |",
    ]);
  });

  it("of a stack that has put nothing out says so", async () => {
    expect((await summaryOf("{}")).stdout).toContain("The stack has no fine-tune.");
  });

  it("fails where the outputs could not be read", async () => {
    expect((await summaryOf("")).exitCode).toBe(1);
  });
});
