import fs from "node:fs";
import path from "node:path";
import { dump } from "js-yaml";
import { execa, execaSync } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MARKER } from "../core/plan/comment.ts";
import { good, replaced, rows } from "./bad-input-cases.ts";
import { TestProject } from "./engine/project.ts";

const root = path.resolve(import.meta.dirname, "..");

/** A repository whose HEAD is what GitHub checks out for a pull request: the merge of base and head. */
class Repository {
  readonly project = new TestProject();

  constructor() {
    fs.cpSync(path.join(root, ".github"), this.project.path(".github"), { recursive: true });
    this.project.write(".gitignore", "node_modules\ntrainer-image\n.tuneform/\n/data/\n");
    // Data that the repository does not hold: its script makes it, at both commits.
    const manifest = this.project.readJson<{ scripts: Record<string, string> }>("package.json");
    manifest.scripts["example-data"] = "node make-data.cjs";
    this.project.write("package.json", JSON.stringify(manifest));
    this.project.write(
      "make-data.cjs",
      `const fs = require("fs"); fs.mkdirSync("data", { recursive: true });
       fs.writeFileSync("data/rows.jsonl", ${JSON.stringify(rows(100))});`,
    );
    this.stack("test", "models/*.yaml");
    this.project.write("models/triage.yaml", good);
    this.git("init", "--initial-branch=main");
    this.commit("base");
  }

  git(...args: string[]): string {
    const who = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    return execaSync("git", [...who, ...args], { cwd: this.project.folder }).stdout;
  }

  commit(message: string): void {
    this.git("add", "--all");
    this.git("commit", "--quiet", "--message", message);
  }

  stack(name: string, models: string): void {
    const config = { "tuneform:models": models, "tuneform:workspace": `.tuneform/${name}` };
    this.project.write(`Pulumi.${name}.yaml`, dump({ config }));
  }

  /** A branch with these files on the base commit, merged into it. */
  pullRequest(name: string, change: () => void): void {
    this.git("checkout", "--quiet", "-B", name, "main");
    change();
    this.commit(name);
    this.git("checkout", "--quiet", "--detach", "main");
    this.git("merge", "--quiet", "--no-ff", "--message", "merge", name);
  }

  async plan(stacks: string) {
    const file = this.project.path(".tuneform", "out", "comment.md");
    fs.rmSync(file, { force: true });
    const { exitCode, all } = await execa(process.execPath, ["--import", "tsx", ".github/scripts/plan.ts"], {
      cwd: this.project.folder,
      reject: false,
      all: true,
      env: { STACKS: stacks, COMMENT_FILE: file },
    });
    const comment = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : null;
    return { exitCode, all, comment };
  }
}

describe("the script that plans a pull request", () => {
  let repository: Repository;
  beforeAll(() => void (repository = new Repository()));
  afterAll(async () => {
    await repository.project.remove();
  });

  it("compares each stack with the base commit, and leaves nothing of it behind", async () => {
    repository.pullRequest("change", () => {
      repository.project.write("models/triage.yaml", good.replace("rank: 8", "rank: 32"));
      repository.project.write("more/routing.yaml", replaced("name: triage", "name: routing"));
      repository.stack("added", "more/*.yaml");
    });
    const { exitCode, comment, all } = await repository.plan('["test", "added"]');
    expect(exitCode, all).toBe(0);
    expect(comment?.split(MARKER)).toHaveLength(2);
    expect(comment?.startsWith(`${MARKER}\n## Fine-tunes of stack \`test\``)).toBe(true);
    expect(comment).toMatch(/\*\*1 changed\.\*\* [^]*`train.rank` `8` → `32`/);
    expect(comment).toMatch(/stack `added`[^]*All fine-tunes count as new[^]*\*\*1 new\.\*\*/);
    expect(repository.git("worktree", "list").split("\n")).toHaveLength(1);
    expect(repository.git("status", "--porcelain")).toBe("");
  });

  it("with model files that do not validate has the problems in the comment, and fails", async () => {
    repository.pullRequest("bad", () =>
      repository.project.write("models/triage.yaml", good.replace("rank: 8", "rnk: 8")),
    );
    const { exitCode, comment } = await repository.plan('["test"]');
    expect(exitCode).toBe(1);
    expect(comment).toMatch(/\*\*No plan: 1 problem\.\*\*/);
    expect(comment).toMatch(/\| `models\/triage\.yaml` \| \d+ \| `train\.rnk` \|/);
  });

  it("whose planner breaks says so in the comment, and fails", async () => {
    repository.pullRequest("broken", () =>
      repository.project.write("cli/main.ts", 'throw new Error("a defect");'),
    );
    const { exitCode, comment, all } = await repository.plan('["test"]');
    expect(exitCode).toBe(1);
    expect(comment).toContain("**No plan: `tuneform plan` ended with exit code 1.**");
    expect(all).toContain("a defect");
  });

  it("refuses a variable that is not a list of stacks, with its name", async () => {
    const { exitCode, all, comment } = await repository.plan("dev");
    expect({ exitCode, comment }).toEqual({ exitCode: 1, comment: null });
    expect(all).toContain("TUNEFORM_PLANNED_STACKS is dev, not a JSON list");
  });
});
