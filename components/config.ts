import * as pulumi from "@pulumi/pulumi";
import { parseStackConfig, STACK_KEYS, type StackConfig } from "../core/spec/stack.ts";

/** The only reader of pulumi.Config: hands every `tuneform:` key to the schema, all problems at once. */
export function readStackConfig(): StackConfig {
  const config = new pulumi.Config("tuneform");
  const raw: Record<string, string> = {};
  for (const key of STACK_KEYS) {
    const value = config.get(key);
    if (value !== undefined) raw[key] = value;
  }
  return parseStackConfig(raw, `Pulumi.${pulumi.getStack()}.yaml`);
}
