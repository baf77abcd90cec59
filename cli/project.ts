import fs from "node:fs";
import path from "node:path";
import { load, YAMLException } from "js-yaml";
import { InvalidInput } from "../core/spec/problems.ts";
import { parseStackConfig, type StackConfig } from "../core/spec/stack.ts";
import { CommandFailure } from "./failure.ts";

/** The folder with Pulumi.yaml, core/ and components/: this command's own project. */
export const projectRoot = path.resolve(import.meta.dirname, "..");

/** `tuneform:` keys of Pulumi.<stack>.yaml. Throws InvalidInput or, where the file is missing, CommandFailure. */
export function readStackFile(stack: string): { config: StackConfig; raw: Record<string, string> } {
  const name = `Pulumi.${stack}.yaml`;
  const file = path.join(projectRoot, name);
  if (!fs.existsSync(file)) {
    const stacks = fs
      .readdirSync(projectRoot)
      .flatMap((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry)?.[1] ?? []);
    throw new CommandFailure(`${name}: no such file; stacks here: ${stacks.join(", ")}`, 2);
  }
  const content = parseYaml(fs.readFileSync(file, "utf8"), name) as {
    config?: Record<string, unknown>;
  } | null;
  const raw = Object.fromEntries(
    Object.entries(content?.config ?? {}).map(([key, value]) => [key, String(value)]),
  );
  const own = Object.entries(raw).flatMap(([key, value]) =>
    key.startsWith("tuneform:") ? [[key.slice(9), value]] : [],
  );
  return { config: parseStackConfig(Object.fromEntries(own) as Record<string, string>, name), raw };
}

function parseYaml(text: string, file: string): unknown {
  try {
    return load(text, { filename: file });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark.line + 1;
    throw new InvalidInput([{ file, line, message: `not YAML: ${error.reason}` }]);
  }
}
