// Entry of the npm scripts on a machine with nothing but Node: installs the locked packages when they are
// missing or changed, then hands over to TypeScript. Plain JavaScript without imports from packages,
// because there are none yet.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const ENVIRONMENT = 8; // core/spec/exit-codes.ts
const root = path.resolve(import.meta.dirname, "..");
const marker = path.join(root, "node_modules", ".tuneform-lock");

function installPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(marker) && readFileSync(marker, "utf8") === lock) return;
  console.error("setup: installing the locked npm packages (npm ci, about 500 MB)");
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) {
    console.error("setup: npm ci failed; its messages are above");
    process.exit(ENVIRONMENT);
  }
  writeFileSync(marker, lock);
}

const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 20) {
  console.error(`setup: Node ${process.versions.node} is too old: install Node 20 or newer`);
  process.exit(ENVIRONMENT);
}
installPackages();
const [script = "", ...rest] = process.argv.slice(2);
const child = spawn(process.execPath, ["--import", "tsx", path.join(root, script), ...rest], {
  cwd: root,
  stdio: "inherit",
});
// A terminal sends Ctrl-C to the child too; a plain `kill` reaches only this process.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
