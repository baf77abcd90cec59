import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Manifest } from "../../core/kubernetes/manifest.ts";
import { renderFiles, type RenderedFile } from "../../core/kubernetes/render.ts";
import { EnvironmentFailure } from "../../setup/failure.ts";
import { skipTier } from "../engine/tier.ts";
import { lockedEnvironment } from "../locked-environment.ts";
import { exampleManifests, exampleStack, root } from "../unit/kubernetes-example.ts";

/**
 * Every rendered object against the JSON schemas of Kubernetes, unknown fields refused: kubernetes-validate
 * carries the schemas, so that nothing is fetched. What it does not see is checked elsewhere: what objects
 * mean together, and Pod Security (test/unit/kubernetes-invariants.test.ts), and the API server's own rules (a
 * server-side dry run in the tier `cluster`). No check is excluded.
 */
async function validator(): Promise<string | null> {
  try {
    const bin = await lockedEnvironment("manifest-lint", path.join(import.meta.dirname, "requirements.lock"));
    return path.join(bin, "kubernetes-validate");
  } catch (error) {
    if (!(error instanceof EnvironmentFailure)) throw error;
    skipTier("manifest-lint", error.message);
    return null;
  }
}

const program = await validator();

/** The oldest version that knows `preStop.sleep` without a switch, that of the lab, and the newest here. */
const VERSIONS = ["1.30", "1.34", "1.37"];

describe.skipIf(program === null)("manifests, by the schemas of Kubernetes", () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-lint-"));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  const validate = (version: string, files: string[]) =>
    execa(program ?? "", ["-k", version, "--strict", ...files], { reject: false, all: true });
  const written = (files: RenderedFile[]) =>
    files.map(({ file, text }) => {
      const absolute = path.join(folder, file);
      fs.writeFileSync(absolute, text);
      return absolute;
    });
  const goldenFiles = (name: string) =>
    fs
      .readdirSync(path.join(root, "test", "golden", "kubernetes", name))
      .filter((file) => file.endsWith(".yaml"))
      .map((file) => path.join(root, "test", "golden", "kubernetes", name, file));

  const everything = exampleStack({
    devicePlugin: "install",
    queue: "fine-tunes",
    priorityClass: "training",
    tokenSecret: "hub-token",
    gateway: { replicas: 2, serviceType: "LoadBalancer", apiKeySecret: "keys" },
  });

  it.each(VERSIONS)("are right in Kubernetes %s", async (version) => {
    const more = written(renderFiles(exampleManifests(everything)));
    const files = [...goldenFiles("gpu"), ...goldenFiles("cpu"), ...more];
    const { exitCode, all } = await validate(version, files);
    expect(exitCode, all).toBe(0);
    expect(all.match(/ passed for resource /g)).toHaveLength(files.length);
  });

  it.each<[string, (job: Manifest) => object]>([
    ["an unknown field", (job) => ({ ...job, spec: { ...specOf(job), backofLimit: 3 } })],
    ["a value of another type", (job) => ({ ...job, spec: { ...specOf(job), backoffLimit: "3" } })],
    ["a missing field", (job) => ({ ...job, spec: { backoffLimit: 3 } })],
  ])("are refused for %s", async (_what, change) => {
    const job = exampleManifests(everything).find(({ kind }) => kind === "Job")!;
    const [file] = written(renderFiles([change(job) as Manifest]));
    const { exitCode } = await validate("1.34", [file ?? ""]);
    expect(exitCode).not.toBe(0);
  });
});

const specOf = (manifest: Manifest) => (manifest as Manifest & { spec: object }).spec;
