import { createHash } from "node:crypto";

const MOST = 63;

/**
 * A DNS-1123 label of these parts: what is too long, or was not one, is cut and told apart by a digest, so
 * that different parts never become the same name by being cut.
 */
export const dnsName = (...parts: string[]): string => dnsNameOf(MOST, parts);

/** The same of at most so many characters. */
export function dnsNameOf(most: number, parts: readonly string[]): string {
  const whole = parts.join("-");
  const plain = whole
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  if (plain.length > 0 && plain.length <= most) return plain;
  const digest = createHash("sha256").update(whole).digest("hex").slice(0, 8);
  return `${plain.slice(0, most - 9).replace(/-+$/, "")}-${digest}`.replace(/^-/, "");
}
