import { describe, expect, it } from "vitest";
import { engineFailure } from "../../cli/failure.ts";

describe("a failed update", () => {
  it("is told by the resources that failed, with the exit code that they name", () => {
    const failure = engineFailure(new Error("code: 255"), [
      "error: update failed",
      "triage-run (exit code 20): rejected: it is worse than the base",
    ]);
    expect(failure.message).toBe("triage-run (exit code 20): rejected: it is worse than the base");
    expect(failure.exitCode).toBe(20);
  });

  it("is told by the engine where it came to no resource", () => {
    const words =
      "code: 255\n stdout: \n stderr: error: the stack is currently locked by 1 lock(s).\n\n at x (y:1)";
    const failure = engineFailure(new Error(words), []);
    expect(failure.message).toBe("error: the stack is currently locked by 1 lock(s).");
    expect(failure.exitCode).toBe(1);
  });
});
