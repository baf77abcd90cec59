import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requires, skipTier, tierRuns } from "../engine/tier.ts";
import { findBuilder, type Builder } from "./builder.ts";

const TIER = "containerfile";
const isAsked = requires(TIER);
const found = isAsked ? await findBuilder() : null;
if (!isAsked) skipTier(TIER, "it builds an image of 7 GB, so that it has to be asked for by name");
const runs = isAsked && tierRuns(TIER, found === null ? ["docker, podman or buildah"] : []);

const trainer = path.resolve(import.meta.dirname, "../../trainer-image");
const IMAGE = `localhost/tuneform-trainer-test:${process.pid}`;

/** What this machine needs to reach its package index: as docs/kubernetes.md tells people to say it. */
function surroundings(): string[] {
  const {
    TUNEFORM_TEST_PYTHON_IMAGE: python,
    PIP_INDEX_URL: index,
    SSL_CERT_FILE: certificates,
  } = process.env;
  return [
    ...(python === undefined ? [] : ["--build-arg", `PYTHON=${python}`]),
    ...(index === undefined ? [] : ["--build-arg", `PIP_INDEX_URL=${index}`]),
    ...(certificates === undefined ? [] : ["--secret", `id=certificates,src=${certificates}`]),
  ];
}

describe.runIf(runs)("the image that the Containerfile makes", () => {
  let builder: Builder;
  const shell = (script: string) => builder.shell(IMAGE, script);

  beforeAll(async () => {
    builder = found!;
    console.log(`containerfile: built by ${builder.program}`);
    await builder.build(["-f", path.join(trainer, "Containerfile"), ...surroundings(), "-t", IMAGE, trainer]);
  }, 45 * 60_000);
  afterAll(() => builder.remove(IMAGE));

  it("has the stages, for a user who is not root", async () => {
    expect(await shell("tuneform-trainer --help")).toMatch(
      /prepare[\s\S]*train[\s\S]*evaluate[\s\S]*publish/,
    );
    expect(await shell("id -u")).toBe("10001");
  });

  it("has its packages compiled: on a read-only root each stage would do it anew", async () => {
    const count = async (ending: string) =>
      Number(await shell(`find /opt/venv/lib -name '*.${ending}' -path '*torch*' | wc -l`));
    expect(await count("py")).toBeGreaterThan(1000);
    expect(await count("pyc")).toBeGreaterThan(0.95 * (await count("py")));
  });

  it("has nothing that only tests or builds need, and no setting of the machine that built it", async () => {
    expect(await shell("ls /opt/venv/bin | grep -xE 'pytest|mypy|ruff|uv' || true")).toBe("");
    expect(await shell("env | grep -E '^(PIP|UV)_|CERT' || true")).toBe("");
  });

  it("loads what a training needs", async () => {
    const script = "import torch, transformers, trl, peft, bitsandbytes; print(torch.__version__)";
    expect(await shell(`python -c '${script}' 2>/dev/null`)).toMatch(/^2\.\d+/);
  });
});
