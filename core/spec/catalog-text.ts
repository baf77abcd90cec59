import { isMap, isScalar, LineCounter, parseDocument, stringify } from "yaml";
import type { BaseModel } from "../catalog/base-model.ts";

const HEADER = "# Base models of this project: docs/catalog.md says what the fields mean.\nbases:\n";

/**
 * The text of a catalog file with one entry more. What is there stays as it is, comments and all: the entry
 * is put behind it. `text` is a valid catalog file, or empty for a new one.
 */
export function withEntry(text: string, id: string, entry: BaseModel): string {
  if (text.trim() === "") return `${HEADER}${block(id, entry, 2)}`;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const bases = document.get("bases");
  const first = isMap(bases) && !bases.flow ? bases.items[0]?.key : undefined;
  if (isScalar(first) && first.range) {
    const indent = lines.linePos(first.range[0]).col - 1;
    return `${text.trimEnd()}\n${block(id, entry, indent)}`;
  }
  // Entries in braces, or none: only writing the file anew can add one.
  document.setIn(["bases", id], entry);
  if (isMap(bases)) bases.flow = false;
  return document.toString({ lineWidth: 0 });
}

function block(id: string, entry: BaseModel, indent: number): string {
  return stringify({ [id]: entry }, { lineWidth: 0 }).replaceAll(/^(?=.)/gm, " ".repeat(indent));
}

/** Line of an entry in the text of a catalog file; undefined where it has none. */
export function lineOfEntry(text: string, id: string): number | undefined {
  const lines = new LineCounter();
  const bases = parseDocument(text, { lineCounter: lines }).get("bases");
  if (!isMap(bases)) return undefined;
  const key = bases.items.map((item) => item.key).find((key) => isScalar(key) && key.value === id);
  return isScalar(key) && key.range ? lines.linePos(key.range[0]).line : undefined;
}
