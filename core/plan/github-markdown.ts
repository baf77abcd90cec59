import type { SettingChange } from "./compare-plans.ts";

/** A table row. Cells come from `code` or `text`, which leave no bar and no line break. */
export const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** Anybody's text as inline code: nothing in it is markup or mentions somebody. */
export function code(value: string): string {
  const clean = value.replaceAll(/\s+/g, " ").replaceAll("`", "'").replaceAll("|", "\\|").trim();
  return `\`${clean}\``;
}

/**
 * Anybody's text as plain words: no markup, no HTML, and a zero-width space after each @ and #, since
 * GitHub mentions people and links threads even from escaped text. Only inline code stays.
 */
export const text = (value: string): string =>
  value
    .replaceAll(/\s+/g, " ")
    .split(/(`[^`]*`)/)
    .map((part) => (/^`[^`]+`$/.test(part) ? code(part.slice(1, -1)) : escaped(part)))
    .join("");

const escaped = (value: string): string =>
  value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(/[\\`*_[\]|~]/g, "\\$&")
    .replaceAll(/[@#]/g, "$&&#8203;")
    .replaceAll("://", ":&#8203;//");

/** `train.rank` 8 → 16; several settings with commas, without an end. */
export const settingList = (changes: readonly SettingChange[]): string =>
  changes.map(({ path, before, after }) => `${code(path)} ${valueOf(before)} → ${valueOf(after)}`).join(", ");

const LONGEST_VALUE = 60;

function valueOf(value: unknown): string {
  if (value === undefined || value === null) return "none";
  const sources = digests(value);
  if (sources !== null) return code(sources);
  const words = typeof value === "string" ? value : JSON.stringify(value);
  if (words === "") return "empty";
  return code(words.length > LONGEST_VALUE ? `${words.slice(0, LONGEST_VALUE - 1)}…` : words);
}

/** Data sources by the beginning of their SHA-256. */
function digests(value: unknown): string | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const sources = value as { sha256?: unknown; split?: unknown }[];
  if (!sources.every((source) => typeof source?.sha256 === "string")) return null;
  return sources
    .map(
      ({ sha256, split }) => `${String(sha256).slice(0, 12)}${split === "all" ? "" : ` (${String(split)})`}`,
    )
    .join(" ");
}
