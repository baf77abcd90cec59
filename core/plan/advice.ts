import type { FineTuneSpec } from "../spec/fine-tune.ts";

/** When fine-tuning may be the wrong answer, in words with numbers. */
export function adviceFor(spec: FineTuneSpec, rows: number): string[] {
  const advice: string[] = [];
  if (rows < 200)
    advice.push(`${rows} rows: below 200 clean examples a prompt to a larger model usually does better`);
  const testRows = Math.round(rows * spec.data.split.test);
  if (testRows > 0 && testRows < 100)
    advice.push(`${testRows} test rows: the gate can only see large gains; 100 or more decide better`);
  return advice;
}
