import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { EnvironmentFailure } from "./failure.ts";
import { withFolderLock } from "./folder-lock.ts";
import { findOnPath, isProgram } from "./search-path.ts";

/** A Pulumi CLI and the folders that its plugins are found in. Absolute paths. */
export interface PulumiCli {
  command: string;
  binFolders: string[];
  how: "TUNEFORM_PULUMI" | "PATH" | "cache" | "download" | "build";
}

/** The CLI's version, of the download and of its Go module; setup/pulumi-cli/go.mod pins the same. */
export const PULUMI_VERSION = "3.259.0";
const DOWNLOADS = "https://get.pulumi.com/releases/sdk";
const INSTALL = "install Pulumi (https://www.pulumi.com/docs/install/) and run again";

type Say = (line: string) => void;

/**
 * `TUNEFORM_PULUMI` → `pulumi` on PATH → a cached copy → the official download → a build of its Go
 * module, about 5 minutes. `downloads` is the folder of the official archives. Throws EnvironmentFailure.
 */
export async function ensurePulumi(root: string, say: Say, downloads = DOWNLOADS): Promise<PulumiCli> {
  // `pulumi-resource-pulumi-nodejs`, the host of dynamic providers, ships inside the npm package.
  const binFolders = [path.join(root, "node_modules", "@pulumi", "pulumi")];
  const given = givenByPerson();
  if (given !== undefined) return { command: given, binFolders, how: "TUNEFORM_PULUMI" };
  const onPath = findOnPath("pulumi");
  if (onPath !== undefined) return { command: onPath, binFolders, how: "PATH" };
  const cache = process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform");
  const folder = path.join(cache, "pulumi", PULUMI_VERSION);
  const command = path.join(folder, "bin", "pulumi");
  if (isProgram(command)) return { command, binFolders, how: "cache" };
  return withFolderLock(`${folder}.lock`, say, async () => {
    if (isProgram(command)) return { command, binFolders, how: "cache" };
    const how = await install(root, folder, say, downloads);
    return { command, binFolders, how };
  });
}

function givenByPerson(): string | undefined {
  const given = process.env["TUNEFORM_PULUMI"];
  if (given === undefined || given === "") return undefined;
  const command = path.resolve(given);
  if (isProgram(command) && path.basename(command) === "pulumi") return command;
  throw new EnvironmentFailure(
    `TUNEFORM_PULUMI is ${given}, which is not a program named pulumi; set it to one, or unset it`,
  );
}

/** Into a folder beside `folder`, renamed when it is whole: a killed installation leaves no half CLI. */
async function install(root: string, folder: string, say: Say, downloads: string) {
  const part = `${folder}.part`;
  const fresh = () => {
    fs.rmSync(part, { recursive: true, force: true });
    fs.mkdirSync(path.join(part, "bin"), { recursive: true });
  };
  fresh();
  const downloaded = await download(part, say, downloads);
  if (!downloaded) {
    fresh();
    await build(root, part, say);
  }
  fs.rmSync(folder, { recursive: true, force: true });
  fs.renameSync(part, folder);
  return downloaded ? "download" : "build";
}

/**
 * False where it cannot be had, within about 20 seconds where nothing answers. Not by the Automation
 * API's `install`: that takes the SDK's version, runs a downloaded script and cannot be cut short.
 */
async function download(folder: string, say: Say, downloads: string): Promise<boolean> {
  say(`setup: downloading the Pulumi CLI ${PULUMI_VERSION} from ${new URL(downloads).hostname}`);
  const archive = path.join(folder, "archive.tar.gz");
  const url = `${downloads}/pulumi-v${PULUMI_VERSION}-${process.platform}-${process.arch}.tar.gz`;
  const patience = ["--connect-timeout", "20", "--speed-time", "20", "--speed-limit", "10000"];
  const got = await execa("curl", ["-fsSL", ...patience, "-o", archive, url], { reject: false });
  if (got.failed) {
    say(`setup: no download from here (${got.stderr.split("\n")[0] || got.shortMessage})`);
    return false;
  }
  const bin = path.join(folder, "bin");
  await execa("tar", ["-xzf", archive, "-C", bin, "--strip-components=1"], { reject: false });
  fs.rmSync(archive);
  const runs = await execa(path.join(bin, "pulumi"), ["version"], { reject: false });
  const whole = !runs.failed && runs.stdout.includes(PULUMI_VERSION);
  if (!whole) say("setup: what was downloaded is not a Pulumi CLI that runs here");
  return whole;
}

async function build(root: string, folder: string, say: Say): Promise<void> {
  const go = await execa("go", ["version"], { reject: false });
  if (go.failed) throw new EnvironmentFailure(`no Pulumi CLI, and no Go to build it with: ${INSTALL}`);
  say(`setup: building the Pulumi CLI ${PULUMI_VERSION} with Go, once: 4 to 8 minutes on two cores`);
  const began = Date.now();
  const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${PULUMI_VERSION}`;
  const target = path.join(folder, "bin", "pulumi");
  const options = ["-trimpath", "-tags", "osusergo", "-ldflags", flags, "-o", target];
  const command = ["go", "build", ...options, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"];
  const { failed, all } = await execa("nice", command, {
    cwd: path.join(root, "setup", "pulumi-cli"),
    // An older Go fetches the toolchain that go.mod asks for, unless the person has said otherwise.
    env: { GOTOOLCHAIN: process.env["GOTOOLCHAIN"] ?? "auto" },
    reject: false,
    all: true,
  });
  if (failed)
    throw new EnvironmentFailure(
      `the Pulumi CLI could not be built (${go.stdout}): ${INSTALL}\n${all.split("\n").slice(-8).join("\n")}`,
    );
  say(`setup: built in ${Math.round((Date.now() - began) / 1000)} s`);
}
