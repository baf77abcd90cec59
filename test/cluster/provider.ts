import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { execa, execaSync } from "execa";
import { has, requires } from "../engine/tier.ts";

const PROGRAM = "pulumi-resource-kubernetes";
const MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4";
const source = path.join(import.meta.dirname, "kubernetes-provider");

/**
 * Puts Pulumi's Kubernetes provider first on PATH, and says which one: a released one where PATH has it; else one that
 * was built here from its Go module, which takes a quarter of an hour and is done only where TUNEFORM_REQUIRE has
 * `kubernetes-provider`; else the test equipment's stand-in, behind provider-standin.cjs. `cache`: folder for programs.
 */
export async function chooseProvider(cache: string, say: (line: string) => void): Promise<void> {
  const found = execaSync("which", [PROGRAM]).stdout.trim();
  const script = fs.readFileSync(found).subarray(0, 4096).toString("latin1");
  const standin = /exec node "([^"]*kubernetes-provider\.cjs)"/.exec(script)?.[1];
  if (standin === undefined) {
    say(`cluster: Kubernetes provider: official, ${found}`);
    return;
  }
  const built = await builtProvider(cache, say);
  say(
    `cluster: Kubernetes provider: ${built === null ? "the test equipment's stand-in" : `built of ${MODULE}`}`,
  );
  prefer(built ?? wrapped(standin, cache));
}

/** Its folder; null where it is not built and need not be. */
async function builtProvider(cache: string, say: (line: string) => void): Promise<string | null> {
  const digest = createHash("sha256")
    .update(fs.readFileSync(path.join(source, "go.mod")))
    .digest("hex");
  const folder = path.join(cache, `kubernetes-provider-${digest.slice(0, 12)}`);
  if (fs.existsSync(folder)) return folder;
  if (!requires("kubernetes-provider")) return null;
  if (!has("go")) throw new Error("go not found on PATH, to build the Kubernetes provider with");
  say("cluster: building Pulumi's Kubernetes provider with Go, once per machine: 13 minutes or more");
  const part = `${folder}.part`;
  fs.rmSync(part, { recursive: true, force: true });
  fs.mkdirSync(part, { recursive: true });
  const go = (args: string[]) => execa("go", args, { cwd: source, env: { GOFLAGS: "-mod=readonly" } });
  await go(["build", "-ldflags", "-s -w", "-o", path.join(part, PROGRAM), "."]);
  const { stdout: module } = await go(["list", "-m", "-f", "{{.Dir}}", MODULE]);
  fs.copyFileSync(path.join(module, "cmd", PROGRAM, "schema.json"), path.join(part, "schema.json"));
  fs.renameSync(part, folder);
  return folder;
}

/** The stand-in's folder, with what it does not do itself. */
function wrapped(standin: string, cache: string): string {
  const folder = path.join(cache, "provider");
  fs.mkdirSync(folder, { recursive: true });
  const wrapper = path.join(import.meta.dirname, "provider-standin.cjs");
  const program = `#!/bin/sh\nexec node "${wrapper}" "${standin}" "$@"\n`;
  fs.writeFileSync(path.join(folder, PROGRAM), program, { mode: 0o755 });
  return folder;
}

const prefer = (folder: string): void => {
  process.env["PATH"] = `${folder}${path.delimiter}${process.env["PATH"] ?? ""}`;
};
