import { execaSync } from "execa";

/** Tiers that have to run here: `TUNEFORM_REQUIRE=engine,cluster`. */
const required = (process.env["TUNEFORM_REQUIRE"] ?? "").split(",").filter((tier) => tier !== "");

/** Whether a program is on PATH. */
export function has(program: string): boolean {
  return !execaSync("which", [program], { reject: false }).failed;
}

/** Whether a tier has to run here. */
export const requires = (tier: string): boolean => required.includes(tier);

/**
 * Says loudly that a tier cannot run here, and fails where it is required: a skipped test must never
 * look like a passed one.
 */
export function skipTier(tier: string, reason: string): void {
  const message = `tier ${tier} is SKIPPED: ${reason}`;
  if (requires(tier)) throw new Error(`${message}, but TUNEFORM_REQUIRE asks for it`);
  console.warn(`\n!!! ${message}\n`);
}

/** Whether a tier runs here: nothing that it needs is missing. Else it is skipped, loudly. */
export function tierRuns(tier: string, missing: string[]): boolean {
  if (missing.length > 0) skipTier(tier, `${missing.join(", ")} not found on PATH`);
  return missing.length === 0;
}
