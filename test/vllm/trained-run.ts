import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { planFineTune } from "../../core/plan/plan.ts";
import type { RunFile } from "../../core/spec/run-file.ts";
import { ensureTrainer, type Trainer } from "../../setup/python.ts";
import { rows } from "../engine/fixtures.ts";
import { exampleFacts, exampleSpec } from "../unit/example.ts";

const root = path.resolve(import.meta.dirname, "..", "..");
export const LABELS = ["yes", "no"];

/** A row of the test set, as tokens. */
export interface EncodedRow {
  id: string;
  messages: { role: string; content: string }[];
  reference: string;
  prompt: number[];
  /** One for each of LABELS. */
  completions: number[][];
}

type Contestant = "base" | "tuned";

export interface Evaluation {
  nll: Record<Contestant, number>;
  rows: ({ id: string } & Record<Contestant, string>)[];
  details: Record<Contestant, { generatedAccuracy: number }>;
}

/** A run that the trainer made, judged and published, with the tokens of its test rows. */
export class TrainedRun {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-vllm-"));
  readonly workspace = path.join(this.folder, "workspace");
  readonly base = path.join(this.folder, "base");
  readonly run: RunFile;
  private readonly trainer: Trainer;

  private constructor(trainer: Trainer, weights: RunFile["serve"]["weights"]) {
    this.trainer = trainer;
    const run = this.plan();
    this.run = { ...run, serve: { ...run.serve, weights } };
  }

  /** Of a tiny model of this family; `numbers` replaces numbers of its config. */
  static async make(
    family: string,
    numbers: Record<string, number>,
    weights: RunFile["serve"]["weights"],
  ): Promise<TrainedRun> {
    const made = new TrainedRun(await ensureTrainer(root, console.warn), weights);
    const settings = Object.entries(numbers).map(([name, number]) => `${name}=${number}`);
    const script = path.join(root, "trainer-image", "tests", "tiny.py");
    await made.python(script, made.base, family, ...settings);
    fs.writeFileSync(made.file, JSON.stringify(made.run));
    await execa(made.trainer.trainer, ["run", "--run", made.file, "--workspace", made.workspace]);
    return made;
  }

  get modelId(): string {
    return `${this.run.name}-${this.run.runId}`;
  }

  get adapter(): string {
    return path.join(this.workspace, "runs", this.run.runId, "adapter");
  }

  get merged(): string {
    return path.join(this.workspace, "runs", this.run.runId, "merged");
  }

  evaluation(): Evaluation {
    const file = path.join(this.workspace, "runs", this.run.runId, "evaluation.json");
    return JSON.parse(fs.readFileSync(file, "utf8")) as Evaluation;
  }

  async testRows(): Promise<EncodedRow[]> {
    const script = path.join(import.meta.dirname, "encode_rows.py");
    return JSON.parse(await this.python(script, this.file, this.workspace)) as EncodedRow[];
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private get file(): string {
    return path.join(this.folder, "run.json");
  }

  private async python(...args: string[]): Promise<string> {
    return (await execa(this.trainer.python, args)).stdout;
  }

  private plan(): RunFile {
    const source = path.join(this.folder, "rows.jsonl");
    const content = rows(160);
    fs.writeFileSync(source, content);
    const spec = exampleSpec({
      data: {
        source: { file: source },
        format: "fields",
        fields: { id: "id", question: "text", answer: "label" },
        systemPrompt: "yes or no?",
        labels: LABELS,
        split: { validation: 0.1, test: 0.3 },
      },
      train: { method: "lora", rank: 8, epochs: 3, learningRate: 0.02, effectiveBatch: 8, maxLength: 128 },
      gate: { minImprovement: 0.1 },
      serve: { maxLength: 256 },
    });
    const weights = { kind: "folder" as const, path: this.base, digest: "tiny" };
    const base = { id: "tiny", hubId: null, revision: null, licence: null, weights };
    const sha256 = createHash("sha256").update(content).digest("hex");
    return planFineTune(spec, {
      ...exampleFacts,
      base: { base, architecture: null, context: 512, entry: null },
      data: { ...exampleFacts.data, sources: [{ path: source, sha256, split: "all" }] },
    }).run;
  }
}
