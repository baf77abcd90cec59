import fs from "node:fs";
import { gzipSync } from "node:zlib";
import type { DataParts } from "../core/kubernetes/data-parts.ts";

/** A Secret holds 1 MiB; the rest is for its other fields. */
const PART_BYTES = 900_000;
const MOST_PARTS = 8;

/** What Secrets of one data file hold at most: bytes, compressed. */
export const MOST_DATA_BYTES = PART_BYTES * MOST_PARTS;

/**
 * Compress data files and cut them. `files`: absolute paths by sha256. Throws where one is larger than
 * Secrets may hold, which loading reports before.
 */
export function readDataParts(files: Record<string, string>): DataParts {
  return Object.fromEntries(
    Object.entries(files).map(([sha256, file]) => {
      const content = compressed(file);
      const count = Math.max(1, Math.ceil(content.length / PART_BYTES));
      if (count > MOST_PARTS) throw new Error(`${file} takes ${count} Secrets, more than ${MOST_PARTS}`);
      const part = (index: number) => content.subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
      return [sha256, Array.from({ length: count }, (_, index) => part(index).toString("base64"))];
    }),
  );
}

/** Bytes that a data file takes compressed, or as it is where that is little enough already. */
export function storedBytes(file: string): number {
  const { size } = fs.statSync(file);
  return size <= MOST_DATA_BYTES ? size : compressed(file).length;
}

function compressed(file: string): Buffer {
  const content = gzipSync(fs.readFileSync(file), { level: 9 });
  content[9] = 255; // the header would name this machine's operating system
  return content;
}
