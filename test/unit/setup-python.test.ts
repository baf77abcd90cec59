import fs from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EXIT_CODES } from "../../core/spec/exit-codes.ts";
import { ensureTrainer } from "../../setup/python.ts";
import { UV_VERSION } from "../../setup/uv.ts";
import { PretendMachine } from "./setup-machine.ts";

/** Makes an environment as the real one does: programs name their Python by absolute path. */
const uv = `
[ "$1" = venv ] && { mkdir -p .venv/bin; printf '#!/bin/sh\\n' > .venv/bin/python; chmod +x .venv/bin/python; }
[ "$2" = install ] && { echo "#!$PWD/.venv/bin/python" > .venv/bin/tuneform-trainer; chmod +x .venv/bin/tuneform-trainer; }
echo "index $UV_DEFAULT_INDEX, certificates $SSL_CERT_FILE" >> "$PWD/settings"
exit 0`;

const pythonOf = (version: string) => `
[ "$1" = -c ] && { echo ${version}; exit 0; }
[ "$3" = --version ] && exit 0
[ "$3" = config ] && exit 1
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/bin"; cp own-uv "$2/bin/uv"`;

describe("the trainer's Python environment", () => {
  let machine: PretendMachine;
  const ensure = () => ensureTrainer(machine.folder, machine.say);
  const uvCalls = () => machine.calls().filter((call) => call.startsWith("uv"));
  const settings = () => fs.readFileSync(machine.path("trainer-image", "settings"), "utf8");

  beforeEach(() => {
    machine = new PretendMachine();
    machine.write("trainer-image/requirements-dev.lock", "torch==2.15.0\n");
    machine.write("trainer-image/pyproject.toml", "[project]\n");
    machine.program("python3", pythonOf("3.11"));
    machine.program("uv", uv);
  });
  afterEach(() => machine.remove());

  it("is made from the lock, with its hashes", async () => {
    expect(await ensure()).toEqual({
      python: machine.path("trainer-image", ".venv", "bin", "python"),
      trainer: machine.path("trainer-image", ".venv", "bin", "tuneform-trainer"),
      uv: machine.path("bin", "uv"),
    });
    expect(uvCalls()).toEqual([
      "uv venv --clear --python >=3.11,<3.15 .venv --quiet",
      "uv pip sync --python .venv/bin/python --require-hashes requirements-dev.lock --quiet",
      "uv pip install --python .venv/bin/python --no-deps --editable . --quiet",
    ]);
  });

  it("is left alone while nothing has changed", async () => {
    await ensure();
    machine.calls();
    await ensure();
    expect(machine.calls()).toEqual([]);
  });

  it.each(["requirements-dev.lock", "pyproject.toml"])(
    "is brought up to date after a change of %s",
    async (file) => {
      await ensure();
      machine.calls();
      fs.appendFileSync(machine.path("trainer-image", file), "# changed\n");
      await ensure();
      expect(uvCalls().map((call) => call.split(" ", 3).join(" "))).toEqual([
        "uv pip sync",
        "uv pip install",
      ]);
    },
  );

  it("is made anew where its Python is gone", async () => {
    await ensure();
    machine.calls();
    fs.rmSync(machine.path("trainer-image", ".venv", "bin", "python"));
    await ensure();
    expect(uvCalls()[0]).toMatch(/^uv venv --clear/);
  });

  it("gets new programs in a checkout that was moved", async () => {
    await ensure();
    machine.calls();
    fs.cpSync(machine.path("trainer-image"), machine.path("moved", "trainer-image"), { recursive: true });
    await ensureTrainer(machine.path("moved"), machine.say);
    expect(uvCalls()).toHaveLength(2);
  });

  it("is seen as current through a link to its folder", async () => {
    await ensure();
    machine.calls();
    fs.mkdirSync(machine.path("other"));
    fs.symlinkSync(machine.path("trainer-image"), machine.path("other", "trainer-image"));
    await ensureTrainer(machine.path("other"), machine.say);
    expect(machine.calls()).toEqual([]);
  });

  it("is not taken for whole after an installation that failed", async () => {
    machine.program(
      "uv",
      `${uv.replace("exit 0", "")}\n[ "$2" != sync ] || { echo "no space left"; exit 1; }`,
    );
    const failure = { exitCode: EXIT_CODES.ENVIRONMENT.code };
    await expect(ensure()).rejects.toMatchObject(failure);
    await expect(ensure()).rejects.toThrow(/no space left/);
    machine.program("uv", uv);
    await ensure();
  });

  it("is installed by one of two processes that start together", async () => {
    await Promise.all([ensure(), ensure()]);
    expect(uvCalls()).toHaveLength(3);
  });

  it("takes the index and the certificates that pip is set to", async () => {
    vi.stubEnv("PIP_INDEX_URL", "https://mirror.example/simple");
    vi.stubEnv("PIP_CERT", "/certificates.pem");
    vi.stubEnv("SSL_CERT_FILE", undefined);
    await ensure();
    expect(settings()).toContain("index https://mirror.example/simple, certificates /certificates.pem\n");
  });

  it("prefers uv's own index setting", async () => {
    vi.stubEnv("PIP_INDEX_URL", "https://mirror.example/simple");
    vi.stubEnv("UV_DEFAULT_INDEX", "https://own.example/simple");
    await ensure();
    expect(settings()).toContain("index https://own.example/simple,");
  });

  it("installs uv with pip where there is none", async () => {
    fs.rmSync(machine.path("bin", "uv"));
    machine.program("python3", pythonOf("3.11").replace("own-uv", machine.program("own/uv", uv)));
    expect((await ensure()).uv).toBe(machine.path(".tuneform", "tools", `uv-${UV_VERSION}`, "bin", "uv"));
    expect(machine.calls().join("\n")).toContain(`uv==${UV_VERSION}`);
  });

  it("says which Pythons are too old", async () => {
    machine.program("python3", pythonOf("3.9"));
    await expect(ensure()).rejects.toMatchObject({
      exitCode: EXIT_CODES.ENVIRONMENT.code,
      message: "Python 3.10 or newer is needed (python3 is 3.9); install python3 and run again",
    });
  });

  it("says what is missing where only Python 3.10 is there and no other can be fetched", async () => {
    machine.program("uv", `[ "$1" != venv ] || { echo "No interpreter found"; exit 2; }`);
    await expect(ensure()).rejects.toThrow(/No interpreter found[^]*needs Python 3.11 to 3.14/);
  });

  it("is the one of TUNEFORM_TRAINER_PYTHON, taken as it is", async () => {
    const python = machine.program("given/bin/python", "");
    const trainer = machine.program("given/bin/tuneform-trainer", "");
    vi.stubEnv("TUNEFORM_TRAINER_PYTHON", python);
    expect(await ensure()).toMatchObject({ python, trainer });
    expect(machine.calls()).toEqual([]);
  });

  it("is refused where TUNEFORM_TRAINER_PYTHON has no trainer beside it", async () => {
    vi.stubEnv("TUNEFORM_TRAINER_PYTHON", machine.program("given/bin/python", ""));
    await expect(ensure()).rejects.toThrow(/TUNEFORM_TRAINER_PYTHON is .* no program .*tuneform-trainer/);
  });
});
