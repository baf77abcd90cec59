import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import * as automation from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { EnvironmentFailure } from "./failure.ts";
import { withFolderLock } from "./folder-lock.ts";

/** A Pulumi CLI and the folders that its plugins are found in. Absolute paths. */
export interface PulumiCli {
  command: string;
  binFolders: string[];
  how: "PATH" | "cache" | "download" | "build";
}

/** The CLI's Go module; setup/pulumi-cli/go.mod pins the same version. */
const VERSION = "3.259.0";

type Say = (line: string) => void;

/** `pulumi` on PATH → a cached copy → the official download → a build of its Go module, about 5 minutes. */
export async function ensurePulumi(root: string, say: Say): Promise<PulumiCli> {
  const plugins = dynamicProviderFolder(root);
  const onPath = await execa("which", ["pulumi"], { reject: false });
  if (!onPath.failed) return { command: onPath.stdout, binFolders: [plugins], how: "PATH" };
  const cache = process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform");
  const folder = path.join(cache, "pulumi", VERSION);
  const command = path.join(folder, "bin", "pulumi");
  const cached = (how: PulumiCli["how"]): PulumiCli => ({ command, binFolders: [plugins], how });
  if (fs.existsSync(command)) return cached("cache");
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  return withFolderLock(`${folder}.lock`, say, async () => {
    if (fs.existsSync(command)) return cached("cache");
    if (await download(folder, command, say)) return cached("download");
    await build(root, folder, command, say);
    return cached("build");
  });
}

/** Where `pulumi-resource-pulumi-nodejs` lies: it ships inside the npm package. */
function dynamicProviderFolder(root: string): string {
  return path.join(root, "node_modules", "@pulumi", "pulumi");
}

async function download(folder: string, command: string, say: Say): Promise<boolean> {
  say("setup: getting the Pulumi CLI from its official download");
  try {
    await withTimeout(automation.PulumiCommand.install({ root: folder }), 300_000);
    return fs.existsSync(command);
  } catch {
    say("setup: the official download is not reachable from here");
    return false;
  }
}

async function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("timeout")), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function build(root: string, folder: string, command: string, say: Say): Promise<void> {
  const install = "install Pulumi (its `install` page) and run again";
  const go = await execa("go", ["version"], { reject: false });
  if (go.failed) throw new EnvironmentFailure(`no Pulumi CLI, and no Go to build it with: ${install}`);
  say(`setup: building the Pulumi CLI ${VERSION} with ${go.stdout}, once: 4 to 8 minutes on two cores`);
  const module = path.join(root, "setup", "pulumi-cli");
  const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${VERSION}`;
  const target = `${command}.part`;
  const args = [
    "build",
    "-trimpath",
    "-tags",
    "osusergo",
    "-ldflags",
    flags,
    "-o",
    target,
    "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  ];
  fs.mkdirSync(path.join(folder, "bin"), { recursive: true });
  const { failed, all } = await execa("go", args, { cwd: module, reject: false, all: true });
  if (failed)
    throw new EnvironmentFailure(
      `the Pulumi CLI could not be built: ${install}\n${all.split("\n").slice(-8).join("\n")}`,
    );
  fs.renameSync(target, command);
}
