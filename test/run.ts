// `npm test`: everything this machine can check, one step after the other (two cores, real trainings).
import { execa } from "execa";
import path from "node:path";
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
const SETTINGS = [
  "--config",
  "trainer-image/pyproject.toml",
  "--config",
  `src = ${JSON.stringify(PROGRAMS)}`,
];

const steps: Step[] = [
  { name: "types", command: "npx", args: ["tsc"], cwd: root },
  { name: "lint", command: "npx", args: ["eslint", "."], cwd: root },
  { name: "format", command: "npx", args: ["prettier", "--check", "."], cwd: root },
  { name: "trainer lint", command: python("ruff"), args: ["check", "."], cwd: trainer },
  { name: "trainer format", command: python("ruff"), args: ["format", "--check", "."], cwd: trainer },
  { name: "trainer types", command: python("mypy"), args: [], cwd: trainer },
  {
    name: "test programs lint",
    command: python("ruff"),
    args: ["check", ...SETTINGS, ...PROGRAMS],
    cwd: root,
  },
  {
    name: "test programs format",
    command: python("ruff"),
    args: ["format", "--check", ...SETTINGS, ...PROGRAMS],
    cwd: root,
  },
  {
    name: "test programs types",
    command: python("mypy"),
    args: ["--config-file", "trainer-image/pyproject.toml", ...PROGRAMS],
    cwd: root,
  },
  { name: "trainer tests", command: python("python"), args: ["-m", "pytest"], cwd: trainer },
  { name: "tests", command: "npx", args: ["vitest", "run"], cwd: root },
];

await ensureAll(root, console.log);
const only = process.argv.slice(2);
const failed: string[] = [];
for (const { name, command, args, cwd } of steps) {
  if (only.length > 0 && !only.includes(name)) continue;
  console.log(`\n── ${name}`);
  const began = Date.now();
  const { exitCode } = await execa(command, args, { cwd, stdio: "inherit", reject: false });
  const ok = exitCode === 0;
  if (!ok) failed.push(name);
  console.log(`── ${name}: ${ok ? "passed" : "FAILED"} in ${duration((Date.now() - began) / 1000)}`);
}
const ran = only.length > 0 ? only.length : steps.length;
if (failed.length > 0) console.log(`\nfailed: ${failed.join(", ")}`);
console.log(`\n${ran - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
