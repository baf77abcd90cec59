import { parse as parseCsv } from "csv-parse/sync";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import { isObject } from "../core/spec/json-schema.ts";
import type { Problem } from "../core/spec/problems.ts";

/** A row with its 1-based line (JSON Lines, CSV) or position (JSON array). */
export interface RawRow {
  line: number;
  value: Record<string, unknown>;
}

export interface ParsedRows {
  rows: RawRow[];
  problems: Problem[];
}

/** Problems of one kind are not listed for every row of a large file. */
export const MOST_PROBLEMS = 5;

/** Text of a data file → rows. Reports the lines that are not rows. */
export function parseRows(text: string, format: FineTuneSpec["data"]["format"], shown: string): ParsedRows {
  if (format === "csv") return csvRows(text, shown);
  return text.trimStart().startsWith("[") ? arrayRows(text, shown) : lineRows(text, shown);
}

const refused = (shown: string, message: string, hint?: string, line?: number): ParsedRows => ({
  rows: [],
  problems: [
    {
      file: shown,
      message,
      ...(line === undefined ? {} : { line }),
      ...(hint === undefined ? {} : { hint }),
    },
  ],
});

function csvRows(text: string, shown: string): ParsedRows {
  let header: string[] = [];
  const columns = (names: string[]) => (header = names);
  let records: { record: Record<string, string>; info: { lines: number } }[];
  try {
    const options = { columns, skip_empty_lines: true, info: true };
    records = parseCsv(text, options) as unknown as typeof records;
  } catch (error) {
    const { message, lines } = error as Error & { lines?: number };
    return refused(shown, `not CSV: ${message}`, undefined, lines);
  }
  const repeated = header.find((name, i) => header.indexOf(name) !== i);
  if (repeated !== undefined)
    return refused(shown, `has two columns named ${repeated}`, "give every column its own name", 1);
  const [only] = header;
  const separator = header.length === 1 ? /[;\t|]/.exec(only ?? "")?.[0] : undefined;
  if (separator !== undefined) {
    const name = separator === "\t" ? "tabs" : `\`${separator}\``;
    return refused(shown, `separates its columns by ${name}`, "CSV has commas: save it with those", 1);
  }
  return { rows: records.map(({ record, info }) => ({ line: info.lines, value: record })), problems: [] };
}

function arrayRows(text: string, shown: string): ParsedRows {
  try {
    const values = JSON.parse(text) as unknown[];
    return asRows(
      values.map((value, i) => ({ line: i + 1, value })),
      shown,
      "item",
    );
  } catch (error) {
    return refused(shown, `not JSON: ${(error as Error).message}`);
  }
}

function lineRows(text: string, shown: string): ParsedRows {
  const problems: Problem[] = [];
  const values: { line: number; value: unknown }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      values.push({ line: index + 1, value: JSON.parse(line) });
    } catch {
      if (problems.length === 0 && isOneObject(text))
        return refused(
          shown,
          "is one JSON object over several lines, not rows",
          "one row a line, or a list of rows",
        );
      problems.push({
        file: shown,
        line: index + 1,
        message: "is not a JSON object on one line",
        hint: "JSON Lines: one row a line; for CSV set data.format: csv",
      });
      if (problems.length === MOST_PROBLEMS) break;
    }
  }
  const rows = asRows(values, shown, "line");
  return { rows: rows.rows, problems: [...problems, ...rows.problems] };
}

function isOneObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

function asRows(values: { line: number; value: unknown }[], shown: string, unit: string): ParsedRows {
  const wrong = values.filter(({ value }) => !isObject(value)).slice(0, MOST_PROBLEMS);
  return {
    rows: values.filter((row): row is RawRow => isObject(row.value)),
    problems: wrong.map(({ line }) => ({
      file: shown,
      line,
      message: `${unit} ${line} is not an object with fields`,
    })),
  };
}
