import { PassThrough } from "node:stream";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { expect, it } from "vitest";
import { EngineDisplay } from "../../cli/show.ts";

const created = (planning: boolean) =>
  ({
    sequence: 1,
    timestamp: 0,
    resOutputsEvent: {
      planning,
      metadata: { op: "create", urn: "urn:pulumi:dev::tuneform::x$y:Run::triage-run", type: "y:Run" },
    },
  }) as unknown as EngineEvent;

it("says that a resource was created only when it was, not when a preview plans it", () => {
  const out = new PassThrough();
  const display = new EngineDisplay(out as unknown as NodeJS.WriteStream);
  display.onEvent(created(true));
  expect(out.read()).toBeNull();
  display.onEvent(created(false));
  expect(String(out.read())).toBe("triage-run (Run) created\n");
});
