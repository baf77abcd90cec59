// Job `plan` of a pull request: plans each stack at the base commit and at the merge, and writes the comment
// to a file. It runs code of the pull request, so its job has no secret and no token that writes.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { cutToComment, MARKER } from "../../core/plan/comment.ts";
import { code } from "../../core/plan/github-markdown.ts";
import { isStackPlan } from "../../loading/former-plan.ts";

const head = process.cwd();
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-plan-"));
const base = path.join(scratch, "base");

/** Names of stacks from the repository variable, a JSON list. */
function stackNames(): string[] {
  const value = process.env["STACKS"] ?? "";
  try {
    const names: unknown = JSON.parse(value);
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  } catch {
    // Told below, as any other value that is not a list of names.
  }
  throw new Error(`TUNEFORM_PLANNED_STACKS is ${value}, not a JSON list of stack names such as ["dev"]`);
}

/** The base commit beside the checkout: the first parent of the merge that GitHub checks out. */
async function checkOutBase(): Promise<void> {
  await execa("git", ["worktree", "add", "--detach", base, "HEAD^1"], { cwd: head, stdio: "inherit" });
  const lock = (folder: string) => fs.readFileSync(path.join(folder, "package-lock.json"), "utf8");
  // The same packages are not installed twice.
  if (lock(base) === lock(head))
    fs.symlinkSync(path.join(head, "node_modules"), path.join(base, "node_modules"));
}

/** Data that the repository does not hold is made by its npm script `example-data`, where it has one. */
async function makeData(folder: string): Promise<void> {
  const { scripts = {} } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as {
    scripts?: Record<string, string>;
  };
  if (scripts["example-data"] === undefined) return;
  await execa("npm", ["run", "example-data"], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}

const plan = (folder: string, stack: string, ...options: string[]) =>
  execa(
    process.execPath,
    ["setup/bootstrap.js", "cli/main.ts", "plan", "--elsewhere", "--stack", stack, ...options],
    { cwd: folder, reject: false, stdio: ["ignore", "pipe", "inherit"] },
  );

/** File with the base commit's plan of a stack, or with `null` where that commit has none to compare with. */
async function formerPlan(stack: string, index: number): Promise<string> {
  const { stdout, exitCode } = await plan(base, stack, "--json");
  const file = path.join(scratch, `${index}.json`);
  const value: unknown = exitCode === 0 ? JSON.parse(stdout) : null;
  fs.writeFileSync(file, JSON.stringify(isStackPlan(value) ? value : null));
  return file;
}

/** The stack's section of the comment, and whether there is a plan. */
async function sectionOf(stack: string, former: string): Promise<{ text: string; ok: boolean }> {
  const { stdout, exitCode } = await plan(head, stack, "--format", "markdown", "--against", former);
  if (stdout.startsWith(MARKER)) return { text: stdout.slice(MARKER.length).trim(), ok: exitCode === 0 };
  const text = [
    `## Fine-tunes of stack ${code(stack)}`,
    "",
    `**No plan: \`tuneform plan\` ended with exit code ${exitCode ?? "none"}.** The log of job \`plan\` says why.`,
  ];
  return { text: text.join("\n"), ok: false };
}

const stacks = stackNames();
try {
  await checkOutBase();
  await makeData(head);
  // Data that cannot be made at the base commit is a base without a plan, not a failure of this change.
  await makeData(base).catch((error: unknown) => console.error(`base commit: ${String(error)}`));
  const sections: { text: string; ok: boolean }[] = [];
  for (const [index, stack] of stacks.entries())
    sections.push(await sectionOf(stack, await formerPlan(stack, index)));
  const file = path.resolve(process.env["COMMENT_FILE"] ?? "comment.md");
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, cutToComment(`${MARKER}\n${sections.map(({ text }) => text).join("\n\n")}\n`));
  if (!sections.every(({ ok }) => ok)) process.exitCode = 1;
} finally {
  await execa("git", ["worktree", "remove", "--force", base], { cwd: head, reject: false });
  fs.rmSync(scratch, { recursive: true, force: true });
}
