// `npm test`: everything that this machine can check. What only reads comes first, as much of it at a time as there
// are cores; then the tests, each step with the machine to itself, since real trainings run in them.
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import pMap from "p-map";
import { ensureAll } from "../setup/ensure.ts";
import { duration } from "../components/local/progress-lines.ts";

const root = path.resolve(import.meta.dirname, "..");
const trainer = path.join(root, "trainer-image");
const python = (tool: string) => path.join(trainer, ".venv", "bin", tool);

interface Step {
  name: string;
  command: string;
  args: string[];
  cwd: string;
}

/** Python beside tests: each folder runs on its own, with its modules beside it. */
const PROGRAMS = ["test/aws-models", "test/vllm"];
const CONFIG = ["--config", "trainer-image/pyproject.toml", "--config", `src = ${JSON.stringify(PROGRAMS)}`];
const ruff = (name: string, ...args: string[]): Step[] => [
  { name: `trainer ${name}`, command: python("ruff"), args: [...args, "."], cwd: trainer },
  {
    name: `test programs ${name}`,
    command: python("ruff"),
    args: [...args, ...CONFIG, ...PROGRAMS],
    cwd: root,
  },
];

/** The longest first, so that they run beside each other. */
const checks: Step[] = [
  {
    name: "Python types",
    command: python("mypy"),
    args: ["--config-file", "trainer-image/pyproject.toml", "trainer-image/src", ...PROGRAMS],
    cwd: root,
  },
  { name: "lint", command: "npx", args: ["eslint", "."], cwd: root },
  { name: "types", command: "npx", args: ["tsc"], cwd: root },
  { name: "format", command: "npx", args: ["prettier", "--check", "."], cwd: root },
  ...ruff("lint", "check"),
  ...ruff("format", "format", "--check"),
];

const tests: Step[] = [
  {
    name: "trainer tests",
    command: python("python"),
    // A file's tests share servers. Each worker holds torch, a gigabyte.
    args: ["-m", "pytest", "-n", "auto", "--maxprocesses", "8", "--dist", "loadfile"],
    cwd: trainer,
  },
  { name: "tests", command: "npx", args: ["vitest", "run"], cwd: root },
];

const failed: string[] = [];

/** Prints what the step prints: as it comes, or in one piece at its end, so that others can run beside it. */
async function runStep({ name, command, args, cwd }: Step, how: "live" | "afterwards"): Promise<void> {
  if (how === "live") console.log(`\n── ${name}`);
  const began = Date.now();
  const output = how === "live" ? "inherit" : "pipe";
  const options = { cwd, stdout: output, stderr: output, reject: false, all: true } as const;
  const { exitCode, all } = await execa(command, args, options);
  if (exitCode !== 0) failed.push(name);
  if (how === "afterwards") console.log(`\n── ${name}\n${all ?? ""}`);
  const outcome = exitCode === 0 ? "passed" : "FAILED";
  console.log(`── ${name}: ${outcome} in ${duration((Date.now() - began) / 1000)}`);
}

const only = process.argv.slice(2);
const unknown = only.filter((name) => ![...checks, ...tests].some((step) => step.name === name));
if (unknown.length > 0) throw new Error(`no such step: ${unknown.join(", ")}`);
await ensureAll(root, console.log);
const chosen = (steps: Step[]) => steps.filter(({ name }) => only.length === 0 || only.includes(name));
const [first, then] = [chosen(checks), chosen(tests)];
await pMap(first, (step) => runStep(step, "afterwards"), { concurrency: os.availableParallelism() });
for (const step of then) await runStep(step, "live");

const ran = first.length + then.length;
if (failed.length > 0) console.log(`\nfailed: ${failed.join(", ")}`);
console.log(`\n${ran - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
