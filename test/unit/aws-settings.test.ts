import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { awsSettings, withAwsSettings } from "../../schema/aws-settings.ts";
import { root } from "./kubernetes-example.ts";

const document = fs.readFileSync(path.join(root, "docs", "aws.md"), "utf8");

describe("the settings in docs/aws.md", () => {
  it("are those of core/spec/aws.ts (npm run schema)", () => {
    expect(withAwsSettings(document)).toBe(document);
  });

  it("are told to be stale where one is missing", () => {
    const stale = document.replace(/^\| `gpu\.maxNodes`.*\n/m, "");
    expect(stale).not.toBe(document);
    expect(withAwsSettings(stale)).toBe(document);
  });

  it("have a meaning each", () => {
    expect(
      awsSettings()
        .filter(({ field }) => !field.description)
        .map(({ key }) => key),
    ).toEqual([]);
  });

  it("have sections opened, down to single keys", () => {
    const keys = awsSettings().map(({ key }) => key);
    expect(keys).toEqual(
      expect.arrayContaining(["region", "network.egress", "gpu.purchase", "budget.emails"]),
    );
    expect(keys).not.toContain("gpu");
  });
});

describe("files that docs/aws.md names", () => {
  const named = [...document.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, file]) => file ?? "");

  it("are there", () => {
    expect(named.length).toBeGreaterThan(5);
    for (const file of named) expect(fs.existsSync(path.join(root, "docs", file)), file).toBe(true);
  });
});
