import leven from "leven";
import type { Problem } from "../core/spec/problems.ts";
import type { ModelFile } from "./model-files.ts";
import type { RawRow } from "./row-formats.ts";

/** What planning needs of a row. */
export interface RowFacts {
  label: string | null;
  characters: number;
  answerCharacters: number;
}

/** Fields that each format names itself. */
const FORMAT_FIELDS: Record<string, readonly string[]> = {
  alpaca: ["instruction", "output"],
  chat: ["messages"],
  sharegpt: ["conversations"],
  "prompt-completion": ["prompt", "completion"],
};

const MOST_PROBLEMS = 5;

/** Check the rows of one file against the model file: fields, labels, ids. */
export function checkRows(
  rows: RawRow[],
  model: ModelFile,
  shown: string,
): { rows: RowFacts[]; problems: Problem[] } {
  const missing = missingFields(rows, model, shown);
  if (missing.length > 0) return { rows: [], problems: missing };
  const { fields, labels, format } = model.spec.data;
  const answerField = FORMAT_FIELDS[format]?.at(-1) ?? fields.answer ?? "";
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  const facts = rows.map(({ line, value }): RowFacts => {
    const answer = text(at(value, answerField));
    const label = labels === null ? null : labelOf(answer, format, value).trim();
    const problem = (message: string, hint?: string) =>
      problems.push({ file: shown, line, message, ...(hint === undefined ? {} : { hint }) });
    if (label !== null && labels !== null && !labels.includes(label))
      problem(`the label ${JSON.stringify(label)} is not declared`, `data.labels has ${labels.join(", ")}`);
    if (fields.id !== null) {
      const id = text(at(value, fields.id));
      const first = seen.get(id);
      if (first !== undefined)
        problem(`the id ${id} stands in line ${first} too`, "ids name rows in reports: make them unique");
      seen.set(id, first ?? line);
    }
    return { label, characters: charactersOf(value, model), answerCharacters: answer.length };
  });
  return { rows: facts, problems: problems.slice(0, MOST_PROBLEMS) };
}

/** The answer of a chat is its last message. */
function labelOf(answer: string, format: string, value: Record<string, unknown>): string {
  if (format !== "chat" && format !== "sharegpt") return answer;
  const turns = (value["messages"] ?? value["conversations"]) as { content?: string; value?: string }[];
  const last = turns.at(-1);
  return last?.content ?? last?.value ?? "";
}

function missingFields(rows: RawRow[], { spec, file, lineOf }: ModelFile, shown: string): Problem[] {
  const { format, fields } = spec.data;
  const mapped = Object.entries(fields).flatMap(([part, field]) => (field === null ? [] : [{ part, field }]));
  const wanted = FORMAT_FIELDS[format]?.map((field) => ({ part: field, field })) ?? mapped;
  return wanted.flatMap(({ part, field }): Problem[] => {
    const without = rows.filter(({ value }) => at(value, field) === undefined);
    const [first] = without;
    if (first === undefined) return [];
    const known = Object.keys(first.value);
    const [nearest] = [...known].sort((a, b) => leven(a, field) - leven(b, field));
    const where = FORMAT_FIELDS[format] === undefined ? `data.fields.${part}` : "data.format";
    return [
      {
        file,
        path: where,
        line: lineOf(where) ?? 1,
        message: `${without.length} rows of ${shown} have no field ${field} (first: line ${first.line}, which has ${known.join(", ")})`,
        ...(nearest === undefined
          ? {}
          : {
              hint: without.length === rows.length ? `did you mean ${nearest}?` : "give every row this field",
            }),
      },
    ];
  });
}

function charactersOf(value: Record<string, unknown>, { spec }: ModelFile): number {
  const { question, context, answer } = spec.data.fields;
  const parts =
    FORMAT_FIELDS[spec.data.format] ?? [question, context, answer].filter((field) => field !== null);
  return parts.reduce((sum, field) => sum + text(at(value, field)).length, 0);
}

function at(value: Record<string, unknown>, field: string): unknown {
  if (field in value) return value[field];
  return field
    .split(".")
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}
