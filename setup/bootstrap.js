// Entry of the npm scripts on a machine with nothing but Node: installs the locked packages when they are
// missing or changed, then hands over to TypeScript. Plain JavaScript without imports from packages,
// because there are none yet, and of a kind that an old Node can read far enough to say that it is old.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ENVIRONMENT = 8; // core/spec/exit-codes.ts
const root = fileURLToPath(new URL("..", import.meta.url));
const marker = path.join(root, "node_modules", ".tuneform-lock");

/** The project uses `import.meta.dirname`, which came with 20.11. */
function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 11)) return;
  console.error(`setup: Node ${process.versions.node} is too old: install Node 20.11 or newer`);
  process.exit(ENVIRONMENT);
}

function installPackages() {
  // Packages of another checkout: `npm ci` would empty its folder through the link.
  const isLinked = lstatSync(path.dirname(marker), { throwIfNoEntry: false })?.isSymbolicLink();
  if (isLinked) return;
  const lock = createHash("sha256")
    .update(readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(marker) && readFileSync(marker, "utf8") === lock) return;
  console.error("setup: installing the locked npm packages (npm ci, about 330 MB)");
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) {
    console.error(`setup: npm ci failed${error ? `: ${error.message}` : "; its messages are above"}`);
    process.exit(ENVIRONMENT);
  }
  writeFileSync(marker, lock);
}

/**
 * Runs a TypeScript file of this project and ends as it ends: same exit code, or 128 + the signal.
 * @param {string} script relative to the project
 * @param {string[]} args
 */
function handOver(script, args) {
  const child = spawn(process.execPath, ["--import", "tsx", path.join(root, script), ...args], {
    cwd: root,
    stdio: "inherit",
  });
  // A terminal sends Ctrl-C to the child too, which must not get it twice; a `kill` reaches only this process.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (signal ? os.constants.signals[signal] : 0)));
}

checkNode();
installPackages();
const [script, ...rest] = process.argv.slice(2);
if (script === undefined) {
  console.error("usage: node setup/bootstrap.js FILE.ts [arguments]");
  process.exit(2);
}
handOver(script, rest);
