import { z } from "zod";
import { awsSchema } from "../core/spec/aws.ts";

/** A part of a JSON Schema, of what the table reads. */
interface Field {
  description?: string;
  default?: string | number | string[] | object | null;
  enum?: (string | number)[];
  type?: string;
  properties?: Record<string, Field>;
  anyOf?: Field[];
}

interface Setting {
  key: string;
  field: Field;
}

const MARKED = /(<!-- settings -->\n)[^]*?(<!-- end of settings -->)/;

/** docs/aws.md with the table of settings as core/spec/aws.ts has them. */
export function withAwsSettings(document: string): string {
  if (!MARKED.test(document)) throw new Error("docs/aws.md has no place for the settings");
  return document.replace(MARKED, (_, begin: string, end: string) => `${begin}\n${table()}\n\n${end}`);
}

/** Every key of `tuneform:aws` with its own description; a key without one is a defect. */
export function awsSettings(): Setting[] {
  return settingsOf(z.toJSONSchema(awsSchema, { io: "input" }) as Field, "");
}

/** `null` beside one other form says only that it may be left out. */
const formOf = (field: Field): Field => field.anyOf?.find(({ type }) => type !== "null") ?? field;

function settingsOf(field: Field, place: string): Setting[] {
  return Object.entries(formOf(field).properties ?? {}).flatMap(([name, inner]): Setting[] => {
    const key = `${place}${name}`;
    const inside = settingsOf(inner, `${key}.`);
    return inside.length > 0 ? inside : [{ key, field: inner }];
  });
}

function table(): string {
  const rows = awsSettings().map(({ key, field }) => {
    const { enum: choices } = formOf(field);
    const what = [field.description, ...(choices === undefined ? [] : [`one of ${choices.join(", ")}`])];
    return [`\`${key}\``, defaultOf(field), what.filter(Boolean).join("; ")];
  });
  // Wide columns would be padded again by whoever formats the file.
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
  return [line(["setting", "default", "meaning"]), line(["---", "---", "---"]), ...rows.map(line)].join("\n");
}

const defaultOf = ({ default: value }: Field): string => {
  if (value === undefined) return "needed where its section is";
  if (value === null) return "none";
  if (Array.isArray(value)) return `\`[${value.join(", ")}]\``;
  return `\`${typeof value === "object" ? JSON.stringify(value) : String(value)}\``;
};
