import { nearest } from "../core/spec/explain.ts";
import type { Problem } from "../core/spec/problems.ts";
import { modelProblem, type ModelFile } from "./model-files.ts";
import { MOST_PROBLEMS, type RawRow } from "./row-formats.ts";
import { at, FORMAT_FIELDS, text, textsOf } from "./row-texts.ts";

/** What planning needs of a row. */
export interface RowFacts {
  label: string | null;
  characters: number;
  answerCharacters: number;
}

/** Check the rows of one file against the model file: fields, labels, ids. `shown` is the file's name. */
export function checkRows(
  rows: RawRow[],
  model: ModelFile,
  shown: string,
): { rows: RowFacts[]; problems: Problem[] } {
  const missing = missingFields(rows, model, shown);
  if (missing.length > 0) return { rows: [], problems: missing };
  const { labels } = model.spec.data;
  const unreadable: Problem[] = [];
  const facts: (RowFacts & { line: number })[] = [];
  for (const { line, value } of rows) {
    const texts = textsOf(value, model.spec.data);
    if (typeof texts === "string") {
      unreadable.push({ file: shown, line, message: texts });
      continue;
    }
    const { prompt, answer } = texts;
    facts.push({
      line,
      label: labels === null ? null : answer.trim(),
      characters: prompt.length + answer.length,
      answerCharacters: answer.length,
    });
  }
  const problems = [
    ...firstOf(unreadable, "rows like that"),
    ...firstOf(undeclaredLabels(facts, labels ?? [], shown), "undeclared labels"),
    ...firstOf(repeatedIds(rows, model, shown), "repeated ids"),
  ];
  return { rows: facts, problems };
}

function firstOf(problems: Problem[], what: string): Problem[] {
  const rest = problems.length - MOST_PROBLEMS;
  const next = problems[MOST_PROBLEMS];
  if (next === undefined) return problems;
  return [...problems.slice(0, MOST_PROBLEMS), { ...next, message: `${rest} more ${what} from here on` }];
}

/** One problem for each label, at the first row that has it. */
function undeclaredLabels(
  rows: { label: string | null; line: number }[],
  labels: readonly string[],
  shown: string,
): Problem[] {
  const found = new Map<string, { line: number; count: number }>();
  for (const { label, line } of rows)
    if (label !== null && !labels.includes(label))
      found.set(label, { line: found.get(label)?.line ?? line, count: (found.get(label)?.count ?? 0) + 1 });
  return [...found].map(([label, { line, count }]) => {
    const shownLabel = JSON.stringify(label.length > 60 ? `${label.slice(0, 57)}…` : label);
    const near = nearest(label, labels);
    return {
      file: shown,
      line,
      message: `the label ${shownLabel} is not declared${count > 1 ? ` (${count} rows)` : ""}`,
      hint: `${near === undefined ? "" : `did you mean ${near}? `}data.labels has ${labels.join(", ")}`,
    };
  });
}

/** Ids name rows in reports. A row without one gets one from its content. */
function repeatedIds(rows: RawRow[], { spec }: ModelFile, shown: string): Problem[] {
  const seen = new Map<string, number>();
  return rows.flatMap(({ line, value }): Problem[] => {
    const id = text(at(value, spec.data.fields.id));
    if (id === "") return [];
    const first = seen.get(id);
    seen.set(id, first ?? line);
    if (first === undefined) return [];
    return [
      {
        file: shown,
        line,
        message: `the id ${id} stands in line ${first} too`,
        hint: "ids name rows in reports: make them unique",
      },
    ];
  });
}

/** Fields that every row must have, and optional ones that not a single row has. */
function missingFields(rows: RawRow[], model: ModelFile, shown: string): Problem[] {
  const { format, fields } = model.spec.data;
  const own = FORMAT_FIELDS[format]?.map((field) => ({ part: "format", field, isNeeded: true })) ?? [];
  const mapped = Object.entries(fields).flatMap(([part, field]) =>
    field === null
      ? []
      : [{ part: `fields.${part}`, field, isNeeded: part === "question" || part === "answer" }],
  );
  return [...own, ...mapped].flatMap(({ part, field, isNeeded }): Problem[] => {
    const without = rows.filter(({ value }) => (at(value, field) ?? undefined) === undefined);
    const [first] = without;
    if (first === undefined || (!isNeeded && without.length < rows.length)) return [];
    const known = Object.keys(first.value);
    const near = nearest(
      field,
      known.filter((name) => name !== field),
    );
    const what = Object.hasOwn(first.value, field) ? "nothing in" : "no";
    const message = `${without.length} rows of ${shown} have ${what} field ${field} (first: line ${first.line}, which has ${known.slice(0, 12).join(", ")})`;
    const isEverywhere = without.length === rows.length;
    const hint = isEverywhere
      ? near === undefined
        ? undefined
        : `did you mean ${near}?`
      : "give every row this field";
    return [modelProblem(model, `data.${part}`, message, hint)];
  });
}
