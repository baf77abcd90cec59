import { valueAt } from "../core/spec/explain.ts";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import { isObject } from "../core/spec/json-schema.ts";

type Row = Record<string, unknown>;
type Data = FineTuneSpec["data"];

/** Fields that each format names itself; the last one holds the answer. */
export const FORMAT_FIELDS: Partial<Record<Data["format"], readonly string[]>> = {
  alpaca: ["instruction", "output"],
  chat: ["messages"],
  sharegpt: ["conversations"],
  "prompt-completion": ["prompt", "completion"],
};

/** What a row asks and answers, or in words why it cannot be told. Mirrors the trainer's data/formats.py. */
export function textsOf(row: Row, { format, fields }: Data): { prompt: string; answer: string } | string {
  switch (format) {
    case "fields":
    case "csv":
      return {
        prompt: joined([fields.system, fields.question, fields.context].map((field) => text(at(row, field)))),
        answer: text(at(row, fields.answer)),
      };
    case "alpaca":
      return {
        prompt: joined(["system", "instruction", "input"].map((field) => text(at(row, field)))),
        answer: text(row["output"]),
      };
    case "chat":
      return textsOfTurns(row["messages"], "messages", "content");
    case "sharegpt":
      return textsOfTurns(row["conversations"], "conversations", "value");
    case "prompt-completion": {
      const { prompt, completion } = row;
      if (Array.isArray(prompt) && Array.isArray(completion))
        return textsOfTurns([prompt, completion].flat(), "prompt and completion", "content");
      return { prompt: text(prompt), answer: text(completion) };
    }
  }
}

function textsOfTurns(turns: unknown, name: string, content: string) {
  if (!Array.isArray(turns) || turns.length === 0 || !turns.every(isObject))
    return `${name} is not a list of messages`;
  const texts = turns.map((turn) => text(turn[content]));
  return { prompt: joined(texts.slice(0, -1)), answer: texts.at(-1) ?? "" };
}

const joined = (parts: string[]) => parts.filter((part) => part !== "").join("\n");

/** A field of a row; dots reach into objects. Undefined where it is absent. */
export function at(row: Row, field: string | null): unknown {
  if (field === null) return undefined;
  if (Object.hasOwn(row, field)) return row[field];
  return valueAt(row, field.split("."));
}

/** A field as text: strings as they are, anything else as JSON, absent ones as nothing. */
export function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
