import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { dump } from "js-yaml";
import { execa, type Options } from "execa";

const root = path.resolve(import.meta.dirname, "..", "..");
const copied = [
  "cli",
  "components",
  "core",
  "loading",
  "manifests",
  "setup",
  "schema",
  "examples",
  "index.ts",
  "package.json",
  "package-lock.json",
  "Pulumi.yaml",
  "tsconfig.json",
];

/** A copy of the project in a folder of its own: own state, workspace, stacks and models. */
export class TestProject {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-engine-"));
  readonly workspace = path.join(this.folder, ".tuneform", "workspace");

  constructor() {
    for (const entry of copied)
      fs.cpSync(path.join(root, entry), path.join(this.folder, entry), { recursive: true });
    fs.symlinkSync(path.join(root, "node_modules"), path.join(this.folder, "node_modules"));
    fs.symlinkSync(path.join(root, "trainer-image"), path.join(this.folder, "trainer-image"));
    fs.mkdirSync(path.join(this.folder, "models"));
  }

  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  write(file: string, content: string): void {
    fs.mkdirSync(path.dirname(this.path(file)), { recursive: true });
    fs.writeFileSync(this.path(file), content);
  }

  /** Pulumi.test.yaml with a free port. */
  async writeStack(extra: Record<string, string> = {}): Promise<number> {
    const port = await freePort();
    const config = { "tuneform:port": String(port), "tuneform:models": "models/*.yaml", ...extra };
    this.write("Pulumi.test.yaml", dump({ config }));
    return port;
  }

  /** The project's own command line, as `npm run up` runs it. */
  tuneform(args: string[], options: Options = {}) {
    return execa(process.execPath, ["--import", "tsx", "cli/main.ts", ...args], {
      cwd: this.folder,
      reject: false,
      all: true,
      ...options,
    });
  }

  /** The native CLI on index.ts, with a state folder of its own. */
  pulumi(args: string[], options: Options = {}) {
    const env = {
      PULUMI_BACKEND_URL: `file://${this.path("native-state")}`,
      PULUMI_CONFIG_PASSPHRASE: "",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    fs.mkdirSync(this.path("native-state"), { recursive: true });
    return execa("pulumi", [...args, "--non-interactive"], {
      cwd: this.folder,
      reject: false,
      all: true,
      env,
      ...options,
    });
  }

  readJson<T>(...parts: string[]): T {
    return JSON.parse(fs.readFileSync(this.path(...parts), "utf8")) as T;
  }

  /** End servers that a failed test left, then the folder. */
  async remove(): Promise<void> {
    const servers = path.join(this.workspace, "servers");
    for (const server of fs.existsSync(servers) ? fs.readdirSync(servers) : []) {
      const pidFile = path.join(servers, server, "pid.json");
      if (!fs.existsSync(pidFile)) continue;
      const { pid } = JSON.parse(fs.readFileSync(pidFile, "utf8")) as { pid: number };
      await execa("kill", [String(pid)], { reject: false });
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
