import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { UV_VERSION } from "../../setup/uv.ts";

const read = (name: string) =>
  fs.readFileSync(path.resolve(import.meta.dirname, "../../trainer-image", name), "utf8");
const containerfile = read("Containerfile");

/** `name==version` with its hashes, one a package. */
const packagesOf = (lock: string): string[] => lock.split(/\n(?=\S)/).map((entry) => entry.trim());

describe("the trainer's image", () => {
  const image = packagesOf(read("requirements.lock"));
  const environment = packagesOf(read("requirements-dev.lock"));

  it("has the very packages that the tests ran with", () => {
    expect(image.length).toBeGreaterThan(50);
    expect(image.filter((entry) => !environment.includes(entry))).toEqual([]);
  });

  it("has nothing that only tests need", () => {
    const more = environment.filter((entry) => !image.includes(entry)).map((entry) => entry.split("==")[0]);
    expect(more).toEqual(expect.arrayContaining(["pytest", "mypy", "ruff", "hypothesis"]));
    expect(containerfile).not.toContain("requirements-dev.lock");
  });

  it("is made with the uv that makes the environment", () => {
    expect(/uv==(\S+)/.exec(containerfile)?.[1]).toBe(UV_VERSION);
  });

  it("is built from what it copies, and not from an environment of gigabytes beside it", () => {
    const copied = [...containerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(
      ([, files]) => files?.split(" ") ?? [],
    );
    const [everything, ...admitted] = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(everything).toBe("*");
    const names = admitted.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    expect(names.sort()).toEqual(copied.sort());
  });
});
