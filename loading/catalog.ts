import fs from "node:fs";
import path from "node:path";
import { CATALOG, type BaseModel, type Catalog } from "../core/catalog/base-models.ts";
import { applyCatalogFile, catalogFileSchema, clashOf } from "../core/spec/catalog-file.ts";
import { lineOfEntry, withEntry } from "../core/spec/catalog-text.ts";
import { parseAs } from "../core/spec/parse.ts";
import { InvalidInput, type Problem } from "../core/spec/problems.ts";
import { DEFAULT_CATALOG_FILE } from "../core/spec/stack.ts";

const EXAMPLE = "docs/catalog.md";

/** The base models that a stack may use: Tuneform's, and those of the stack's catalog file. */
export function readCatalog(
  root: string,
  file: string,
  stackFile: string,
): { catalog: Catalog } | { problems: Problem[] } {
  const absolute = path.resolve(root, file);
  if (file === DEFAULT_CATALOG_FILE && !fs.existsSync(absolute)) return { catalog: CATALOG };
  let text: string;
  try {
    text = fs.readFileSync(absolute, "utf8");
  } catch (error) {
    const message = `${file} cannot be read: ${(error as Error).message}`;
    const hint = `\`tuneform models add\` writes one, see ${EXAMPLE}`;
    return { problems: [{ file: stackFile, path: "tuneform:catalog", message, hint }] };
  }
  return parseCatalog(text, file);
}

/** Text of a catalog file → the whole catalog, or every problem in it. `file` is only for messages. */
export function parseCatalog(text: string, file: string): { catalog: Catalog } | { problems: Problem[] } {
  const parsed = parseAs(catalogFileSchema, text, file, EXAMPLE);
  if ("problems" in parsed) return parsed;
  return applyCatalogFile(parsed.value, (keys, message, hint) => {
    const line = parsed.lineOf(keys);
    return { file, path: keys.join("."), ...(line === undefined ? {} : { line }), message, hint };
  });
}

/**
 * Put an entry into a project's catalog file, which is made where it is missing. Throws InvalidInput, and
 * leaves the file as it is, where it is wrong already or would be with the entry.
 */
export function addToCatalog(root: string, file: string, id: string, entry: BaseModel): void {
  const absolute = path.resolve(root, file);
  const text = fs.existsSync(absolute) ? fs.readFileSync(absolute, "utf8") : "";
  if (text.trim() !== "") throwProblems(parseCatalog(text, file));
  const at = { file, path: `bases.${id}` };
  const line = lineOfEntry(text, id);
  if (line !== undefined) {
    const hint = "change that entry, remove it first, or choose another --id";
    throw new InvalidInput([{ ...at, line, message: `${id} is there already`, hint }]);
  }
  const taken = clashOf(id);
  if (taken !== undefined) {
    const message = `${id} is taken: Tuneform's own catalog has ${taken}`;
    throw new InvalidInput([{ ...at, message, hint: `another id, for example --id own-${id}` }]);
  }
  const next = withEntry(text, id, entry);
  throwProblems(parseCatalog(next, file));
  // Readers see the old file or the new one, never a part.
  const temporary = `${absolute}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, next);
  fs.renameSync(temporary, absolute);
}

function throwProblems(read: object | { problems: Problem[] }): void {
  if ("problems" in read) throw new InvalidInput(read.problems);
}
