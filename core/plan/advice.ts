import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { Duration } from "./time.ts";

/** When fine-tuning may be the wrong answer or a setting will surprise, in words with numbers. */
export function adviceFor(
  spec: FineTuneSpec,
  { rows, testRows, longestRowTokens }: { rows: number; testRows: number; longestRowTokens: number },
  serveLength: number,
  seconds: Duration | null,
): string[] {
  const advice: string[] = [];
  if (rows < 200)
    advice.push(`${rows} rows: below 200 clean examples a prompt to a larger model usually does better`);
  if (testRows > 0 && testRows < 100)
    advice.push(`${testRows} test rows: the gate can only see large gains; 100 or more decide better`);
  if (longestRowTokens > serveLength)
    advice.push(
      `rows have up to about ${longestRowTokens} tokens, but the server takes ${serveLength}: see serve.maxLength`,
    );
  const { maxHours } = spec.compute;
  if (maxHours !== null && seconds !== null && seconds.high > maxHours * 3600)
    advice.push(`it may take longer than compute.maxHours: ${maxHours}`);
  return advice;
}
