import fs from "node:fs";
import path from "node:path";
import { dump } from "js-yaml";
import { execa } from "execa";
import { projectRoot } from "../../cli/project.ts";
import { withFolderLock } from "../../setup/folder-lock.ts";
import type { TestProject } from "./project.ts";

/** A tiny randomly initialised Llama in Hugging Face layout, made once per checkout. */
export async function tinyModel(): Promise<string> {
  const folder = path.join(projectRoot, ".tuneform", "test", "tiny-llama");
  await withFolderLock(`${folder}.lock`, console.warn, async () => {
    if (fs.existsSync(path.join(folder, "tokenizer.json"))) return;
    const python = path.join(projectRoot, "trainer-image", ".venv", "bin", "python");
    await execa(python, [path.join(projectRoot, "trainer-image", "tests", "tiny.py"), folder]);
  });
  return folder;
}

/**
 * Rows whose label follows from one word of the text, so that even a tiny random model learns it.
 * `shuffled` breaks that link: the labels of the training rows no longer mean anything.
 */
export function rows(count: number, shuffled = false): string {
  const words = ["stone", "river", "cloud", "maple", "ember"];
  const lines = Array.from({ length: count }, (_, i) => {
    const yes = i % 2 === 0;
    // A fixed multiplicative hash: about half of the labels are wrong, and every run has the same ones.
    const flip = shuffled && (i * 2654435761) % 4294967296 < 2147483648;
    const text = `${yes ? "aaaa" : "zzzz"} ${words[i % 5]} ${i}`;
    return JSON.stringify({ id: `row-${i}`, text, label: yes !== flip ? "yes" : "no" });
  });
  return `${lines.join("\n")}\n`;
}

type Section = Record<string, unknown>;

/** A complete model file on the tiny model; `overrides` replaces whole top-level sections' fields. */
export async function writeModel(
  project: TestProject,
  name: string,
  overrides: Record<string, Section | string> = {},
): Promise<void> {
  const sections: Record<string, Section | string> = {
    name,
    description: "a test",
    task: "classification",
    base: { folder: await tinyModel() },
    data: {
      source: { file: `../data/${name}.jsonl` },
      format: "fields",
      fields: { id: "id", question: "text", answer: "label" },
      systemPrompt: "yes or no?",
      labels: ["yes", "no"],
      split: { validation: 0.1, test: 0.3 },
    },
    train: {
      method: "lora",
      rank: 8,
      epochs: 3,
      learningRate: 0.02,
      effectiveBatch: 8,
      maxLength: 128,
      checkpointEverySteps: 5,
    },
    gate: { minImprovement: 0.1 },
  };
  for (const [key, value] of Object.entries(overrides)) {
    const before = sections[key];
    sections[key] = typeof value === "string" || typeof before !== "object" ? value : { ...before, ...value };
  }
  project.write(`models/${name}.yaml`, dump(sections));
}
