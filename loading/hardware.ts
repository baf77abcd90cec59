import fs from "node:fs";
import path from "node:path";
import { INSTANCES, type Instance } from "../core/catalog/instances.ts";
import { applyHardware, hardwareSchema } from "../core/spec/hardware.ts";
import { parseAs } from "../core/spec/parse.ts";
import type { Problem } from "../core/spec/problems.ts";

const EXAMPLE = "docs/catalog.md";

/** What planning may rent: the catalog, or what the stack's hardware file makes of it. */
export function readInstances(
  root: string,
  file: string,
  stackFile: string,
): { instances: readonly Instance[] } | { problems: Problem[] } {
  if (file === "") return { instances: INSTANCES };
  let text: string;
  try {
    text = fs.readFileSync(path.resolve(root, file), "utf8");
  } catch (error) {
    const message = `${file} cannot be read: ${(error as Error).message}`;
    return { problems: [{ file: stackFile, path: "tuneform:hardware", message, hint: `see ${EXAMPLE}` }] };
  }
  const parsed = parseAs(hardwareSchema, text, file, EXAMPLE);
  if ("problems" in parsed) return parsed;
  return applyHardware(parsed.value, (keys, message, hint) => {
    const line = parsed.lineOf(keys);
    return { file, path: keys.join("."), ...(line === undefined ? {} : { line }), message, hint };
  });
}
