import type { FineTuneSpec } from "../spec/fine-tune.ts";
import type { RunFile } from "../spec/run-file.ts";

type DeclaredSplit = RunFile["data"]["sources"][number]["split"];

/** What reading the data of a fine-tune found. Tokens are estimated from characters. */
export interface DataFacts {
  sources: RunFile["data"]["sources"];
  /** Rows and tokens (prompts and answers) of the sources of each declared split, after `maxRows`. */
  bySplit: Record<DeclaredSplit, { rows: number; tokens: number }>;
  longestRowTokens: number;
  longestAnswerTokens: number;
}

/** Rows and tokens by what happens to them. */
export function workOf(data: DataFacts, spec: FineTuneSpec) {
  const { all, training, test } = splitsOf(data, spec.data.split);
  return {
    rows: all.rows,
    trainRows: training.rows,
    testRows: test.rows,
    trainTokens: training.tokens,
    testTokens: test.tokens,
    rowTokens: all.tokens / Math.max(1, all.rows),
  };
}

/** What is trained on and tested on: declared splits, and shares of the rows that a hash divides. */
function splitsOf({ bySplit }: DataFacts, { validation, test }: FineTuneSpec["data"]["split"]) {
  const share = Math.max(0, 1 - validation - test);
  const sum = (of: (part: "rows" | "tokens") => number) => ({ rows: of("rows"), tokens: of("tokens") });
  const parts = Object.values(bySplit);
  return {
    all: sum((part) => parts.reduce((total, split) => total + split[part], 0)),
    training: sum((part) => bySplit.train[part] + bySplit.all[part] * share),
    test: sum((part) => bySplit.test[part] + bySplit.all[part] * test),
  };
}
