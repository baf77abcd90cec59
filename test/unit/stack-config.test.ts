import fs from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { load } from "js-yaml";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readStackConfig } from "../../components/config.ts";
import { parseStackConfig, STACK_KEYS } from "../../core/spec/stack.ts";

/** A value that is not the default, as Pulumi.<stack>.yaml has it. */
const others: Record<(typeof STACK_KEYS)[number], string> = {
  target: "local",
  models: "other/*.yaml",
  workspace: "other",
  port: "9000",
  parallelism: "3",
  hardware: "hardware.yaml",
  catalog: "bases.yaml",
  weights: "hub",
  kubernetes: "",
  aws: "",
};

describe("the configuration of a stack", () => {
  beforeEach(async () => {
    await pulumi.runtime.setMocks(
      { newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) },
      "tuneform",
      "test",
    );
  });
  afterEach(() => pulumi.runtime.setAllConfig({}));

  it.each(STACK_KEYS)("reads tuneform:%s under pulumi up as the command line does", (key) => {
    pulumi.runtime.setAllConfig({ [`tuneform:${key}`]: others[key] });
    expect(readStackConfig()).toEqual(parseStackConfig({ [key]: others[key] }, "Pulumi.test.yaml"));
  });

  it("has a key in Pulumi.yaml for each key of the schema, with the same default", () => {
    const project = load(fs.readFileSync(path.resolve(import.meta.dirname, "../../Pulumi.yaml"), "utf8")) as {
      config: Record<string, { default: unknown }>;
    };
    const declared = Object.entries(project.config).map(([key, value]) => [key, value.default]);
    const defaults = Object.entries(parseStackConfig({}, "Pulumi.test.yaml"));
    expect(Object.fromEntries(declared)).toEqual(
      Object.fromEntries(defaults.map(([key, value]) => [`tuneform:${key}`, value ?? {}])),
    );
  });
});
