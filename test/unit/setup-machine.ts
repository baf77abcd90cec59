import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { vi } from "vitest";
import { findOnPath } from "../../setup/search-path.ts";

const BASICS = ["sh", "cat", "mkdir", "cp", "chmod", "nice", "curl", "tar", "gzip", "env"];

/** A folder to work in and a PATH with basic programs and such as a test writes, nothing else. */
export class PretendMachine {
  readonly folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-setup-")));
  readonly said: string[] = [];
  readonly say = (line: string) => void this.said.push(line);

  constructor() {
    fs.mkdirSync(this.path("bin"));
    for (const name of BASICS) fs.symlinkSync(findOnPath(name) ?? name, this.path("bin", name));
    vi.stubEnv("PATH", this.path("bin"));
    for (const name of ["TUNEFORM_PULUMI", "TUNEFORM_TRAINER_PYTHON", "UV_DEFAULT_INDEX", "UV_INDEX_URL"])
      vi.stubEnv(name, undefined);
  }

  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  write(file: string, content: string): string {
    fs.mkdirSync(path.dirname(this.path(file)), { recursive: true });
    fs.writeFileSync(this.path(file), content);
    return this.path(file);
  }

  /** A shell program; without a folder in its name it is on PATH. Each call is noted in `calls`. */
  program(name: string, script: string): string {
    const file = this.write(
      name.includes("/") ? name : `bin/${name}`,
      `#!/bin/sh\necho "${path.basename(name)} $*" >> "${this.path("calls")}"\n${script}\n`,
    );
    fs.chmodSync(file, 0o755);
    return file;
  }

  /** Program calls since the last question. */
  calls(): string[] {
    const file = this.path("calls");
    const lines = fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split("\n") : [];
    fs.rmSync(file, { force: true });
    return lines;
  }

  remove(): void {
    vi.unstubAllEnvs();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
