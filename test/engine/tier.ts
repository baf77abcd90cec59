import { execaSync } from "execa";

/** Tiers that have to run here: `TUNEFORM_REQUIRE=engine,cluster`. */
const required = (process.env["TUNEFORM_REQUIRE"] ?? "").split(",").filter((tier) => tier !== "");

/** Whether a program is on PATH. */
export function has(program: string): boolean {
  return !execaSync("which", [program], { reject: false }).failed;
}

/**
 * Says loudly when a tier cannot run here, and fails where it is required: a skipped test must never
 * look like a passed one.
 */
export function tierRuns(tier: string, missing: string[]): boolean {
  if (missing.length === 0) return true;
  const message = `tier ${tier} is SKIPPED: ${missing.join(", ")} not found on PATH`;
  if (required.includes(tier)) throw new Error(`${message}, but TUNEFORM_REQUIRE asks for it`);
  console.warn(`\n!!! ${message}\n`);
  return false;
}
