import { afterEach, describe, expect, it, vi } from "vitest";
import { duration, ProgressLines } from "../../components/local/progress-lines.ts";
import { EngineDisplay } from "../../cli/show.ts";

describe("lines of a running stage", () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => undefined);
  afterEach(() => printed.mockClear());
  const texts = () => printed.mock.calls.map(([text]) => String(text));

  it("name the fine-tune, the step, the loss, the speed and what is left", () => {
    new ProgressLines("triage", 0).show(
      JSON.stringify({
        event: "progress",
        stage: "train",
        step: 5,
        of: 10,
        loss: 0.5,
        tokensPerSecond: 200,
        etaSeconds: 65,
      }),
    );
    expect(texts()).toEqual([
      "triage train ▸ ██████████░░░░░░░░░░ 5/10 · loss 0.500 · 200 tokens/s · 1 min 05 s left",
    ]);
  });

  it("come at most once an interval, and always for the last step", () => {
    const lines = new ProgressLines("triage", 1000);
    for (const step of [1, 2, 3, 10])
      lines.show(JSON.stringify({ event: "progress", stage: "train", step, of: 10 }));
    expect(texts()).toHaveLength(2);
  });

  it("pass on what is no event", () => {
    new ProgressLines("triage").show("plain words");
    expect(texts()).toEqual(["triage plain words"]);
  });

  it("say durations as people do", () => {
    expect([0, 59.6, 61, 3600].map(duration)).toEqual(["0 s", "1 min 00 s", "1 min 01 s", "60 min 00 s"]);
  });
});

describe("the display", () => {
  const out = (isTTY: boolean) => {
    const written: string[] = [];
    const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) };
    return { written, display: new EngineDisplay(stream as unknown as NodeJS.WriteStream) };
  };

  it("overwrites progress in a terminal and keeps every line in a log", () => {
    const terminal = out(true);
    for (const line of ["a train ▸ 1/2", "a train ▸ 2/2", "done"]) terminal.display.line(line);
    expect(terminal.written.join("")).toBe("a train ▸ 1/2\r\x1b[2Ka train ▸ 2/2\r\x1b[2Kdone\n");
    const log = out(false);
    for (const line of ["a train ▸ 1/2", "done"]) log.display.line(line);
    expect(log.written.join("")).toBe("a train ▸ 1/2\ndone\n");
  });

  it("keeps errors for the end and leaves debug lines out", () => {
    const { written, display } = out(false);
    const event = (severity: string, message: string) =>
      display.onEvent({
        sequence: 0,
        timestamp: 0,
        diagnosticEvent: { severity, message, color: "never", prefix: "" },
      } as never);
    event("debug", "noise");
    event("error", "what went wrong");
    event("info", "news");
    expect(written.join("")).toBe("news\n");
    expect(display.errors).toEqual(["what went wrong"]);
  });
});
