import fs from "node:fs";
import path from "node:path";
import { load, YAMLException } from "js-yaml";
import { InvalidInput, type Problem } from "../core/spec/problems.ts";
import { parseStackConfig, type StackConfig } from "../core/spec/stack.ts";

export const stackFileName = (stack: string) => `Pulumi.${stack}.yaml`;

/** Names of the stacks that have a file in the project. */
export function stacksOf(root: string): string[] {
  return fs.readdirSync(root).flatMap((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry)?.[1] ?? []);
}

/**
 * The stack that a name means. An example's file is Pulumi.<target>.example.yaml, and `<target>-example` names
 * it too, as its namespace and its resources are named; a stack of exactly that name comes first.
 */
export function stackNamed(root: string, name: string): string {
  const stacks = stacksOf(root);
  const example = name.replace(/-example$/, ".example");
  return !stacks.includes(name) && stacks.includes(example) ? example : name;
}

/**
 * All keys of Pulumi.<stack>.yaml as text, and the `tuneform:` ones checked. Throws InvalidInput, also
 * where the file is missing.
 */
export function readStackFile(
  root: string,
  stack: string,
): { config: StackConfig; raw: Record<string, string> } {
  const name = stackFileName(stack);
  const raw = keysOf(root, stack);
  if (raw === undefined) {
    const hint = `stacks here: ${stacksOf(root).join(", ") || "none"}`;
    throw new InvalidInput([{ file: name, message: "no such file", hint }]);
  }
  const own = Object.entries(raw).flatMap(([key, value]) =>
    key.startsWith("tuneform:") ? [[key.slice("tuneform:".length), value]] : [],
  );
  return { config: parseStackConfig(Object.fromEntries(own) as Record<string, string>, name), raw };
}

function keysOf(root: string, stack: string): Record<string, string> | undefined {
  const name = stackFileName(stack);
  const file = path.join(root, name);
  if (!fs.existsSync(file)) return undefined;
  const content = parseYaml(fs.readFileSync(file, "utf8"), name) as { config?: object } | null;
  return Object.fromEntries(
    Object.entries(content?.config ?? {}).map(([key, value]) => [key, textOf(value)]),
  );
}

/** As the engine hands values over: structured ones are JSON text. */
const textOf = (value: unknown): string =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

function parseYaml(text: string, file: string): unknown {
  try {
    return load(text, { filename: file });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark.line + 1;
    throw new InvalidInput([{ file, line, message: `not YAML: ${error.reason}` }]);
  }
}

/**
 * Another stack with the same workspace: each would stop the other's servers and move the other's
 * aliases. Stack files that do not parse are for their own stack to complain about.
 */
export function sharedWorkspaceProblems(root: string, stack: string, config: StackConfig): Problem[] {
  if (config.target !== "local") return []; // the workspace is a volume of the stack's own namespace
  const workspace = path.resolve(root, config.workspace);
  const others = stacksOf(root).filter((other) => {
    if (other === stack) return false;
    try {
      const { config: theirs } = readStackFile(root, other);
      return theirs.target === "local" && path.resolve(root, theirs.workspace) === workspace;
    } catch (error) {
      if (error instanceof InvalidInput) return false;
      throw error;
    }
  });
  return others.map((other) => ({
    file: stackFileName(stack),
    path: "tuneform:workspace",
    message: `${config.workspace} is the workspace of ${stackFileName(other)} too`,
    hint: `a folder of its own, for example .tuneform/${stack}`,
  }));
}
