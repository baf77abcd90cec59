import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
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
      expect(parsed.value.train.weightDecay).toBe(0.01);
      expect(parsed.value.data.thresholds.minTrainRows).toBe(50);
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

describe("the schema of model files", () => {
  interface Node {
    description?: string;
    properties?: Record<string, Node>;
    items?: Node;
    anyOf?: Node[];
  }
  const fieldsOf = (node: Node, place: string): [string, Node][] => [
    ...Object.entries(node.properties ?? {}).flatMap(([key, field]): [string, Node][] => [
      [`${place}${key}`, field],
      ...fieldsOf(field, `${place}${key}.`),
    ]),
    ...[...(node.anyOf ?? []), ...(node.items ? [node.items] : [])].flatMap((inner) =>
      fieldsOf(inner, place),
    ),
  ];

  it("describes every field, for editors", () => {
    const schema = JSON.parse(schemaTexts()["fine-tune.schema.json"] ?? "") as Node;
    const fields = fieldsOf(schema, "");
    expect(fields.length).toBeGreaterThan(60);
    expect(fields.filter(([, field]) => !field.description).map(([place]) => place)).toEqual([]);
  });
});

describe("parsing", () => {
  const text = fs.readFileSync(path.join(root, "models/spam-triage.yaml"), "utf8");
  const problemsOf = (changed: string) => {
    const parsed = parseFineTune(changed, "m.yaml");
    return "problems" in parsed ? parsed.problems : [];
  };

  it("gives editors the column too", () => {
    const [problem] = problemsOf(text.replace("rank: 16", "rank: -16"));
    const line = text.split("\n").findIndex((each) => each.includes("rank: 16"));
    expect(problem).toMatchObject({ path: "train.rank", line: line + 1, column: 3 });
  });

  it("points at the item of a list, and through aliases", () => {
    const listed = text.replace("[spam, ham]", '\n    - spam\n    - " ham"');
    const line = listed.split("\n").findIndex((each) => each.includes('" ham"'));
    expect(problemsOf(listed)[0]).toMatchObject({ path: "data.labels.1", line: line + 1 });
  });

  it("answers any text with a spec or with problems, each in a place, and never throws", () => {
    const inserted = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "&a",
        "*a",
        "<<: *a",
        "!!x",
        "- ",
        "? ",
        "---",
        "{",
        "]",
        "__proto__: {}",
        "constructor: 1",
        "\t",
      ),
      fc.json(),
    );
    fc.assert(
      fc.property(inserted, fc.nat(text.length), fc.nat(12), (piece, at, cut) => {
        const parsed = parseFineTune(text.slice(0, at) + piece + text.slice(at + cut), "m.yaml");
        if (!("problems" in parsed)) return;
        expect(parsed.problems.length).toBeGreaterThan(0);
        for (const problem of parsed.problems) expect(problem).toMatchObject({ file: "m.yaml" });
      }),
      { numRuns: 500 },
    );
  });

  it("answers any value at any field in the same way", () => {
    const sections = ["name", "task", "base", "data", "train", "evaluate", "gate", "serve", "compute"];
    fc.assert(
      fc.property(fc.constantFrom(...sections), fc.jsonValue(), (section, value) => {
        const parsed = parseFineTune(`${JSON.stringify({ [section]: value })}\n`, "m.yaml");
        expect("problems" in parsed && parsed.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});
