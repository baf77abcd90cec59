import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parseFineTune } from "../../core/spec/parse.ts";
import { schemaTexts } from "../../schema/texts.ts";

const root = path.resolve(import.meta.dirname, "..", "..");

describe("model files", () => {
  it.each(["models/spam-triage.yaml", "examples/mail/mail-routing.yaml"])(
    "%s is valid and every default is visible",
    (file) => {
      const parsed = parseFineTune(fs.readFileSync(path.join(root, file), "utf8"), file);
      if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
      expect(parsed.spec.train.weightDecay).toBe(0.01);
      expect(parsed.spec.data.thresholds.minTrainRows).toBe(50);
    },
  );

  it("knows the line of every field, for messages", () => {
    const parsed = parseFineTune(fs.readFileSync(path.join(root, "models/spam-triage.yaml"), "utf8"), "x");
    if ("problems" in parsed) throw new Error("invalid");
    expect(parsed.lineOf("name")).toBe(2);
    expect(parsed.lineOf("train.rank")).toBeGreaterThan(parsed.lineOf("train") ?? 0);
    expect(parsed.lineOf("train.notThere")).toBe(parsed.lineOf("train"));
  });
});

describe("generated schemas", () => {
  it.each(Object.entries(schemaTexts()))("schema/%s is what the code says (npm run schema)", (file, text) => {
    expect(fs.readFileSync(path.join(root, "schema", file), "utf8")).toBe(text);
  });
});
