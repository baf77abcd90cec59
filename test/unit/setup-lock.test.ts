import fs from "node:fs";
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { areNewer } from "../../setup/ensure.ts";
import { EnvironmentFailure } from "../../setup/failure.ts";
import { withFolderLock } from "../../setup/folder-lock.ts";
import { PretendMachine } from "./setup-machine.ts";

let machine: PretendMachine;
beforeEach(() => {
  machine = new PretendMachine();
});
afterEach(() => machine.remove());

describe("the lock of an installation", () => {
  it("lets one at a time work, and says why the other waits", async () => {
    const events: string[] = [];
    const work = (name: string) => async () => {
      events.push(`${name} begins`);
      await sleep(50);
      events.push(`${name} ends`);
    };
    const lock = machine.path("deep", "folder.lock");
    await Promise.all([
      withFolderLock(lock, machine.say, work("first")),
      withFolderLock(lock, machine.say, work("second")),
    ]);
    expect(events).toEqual(["first begins", "first ends", "second begins", "second ends"]);
    expect(machine.said).toEqual([expect.stringMatching(/another process is installing/)]);
  });

  it("is lifted where its process is gone", async () => {
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    machine.write("folder.lock/pid", String(gone));
    expect(
      await withFolderLock(machine.path("folder.lock"), machine.say, () => Promise.resolve("done")),
    ).toBe("done");
  });

  it("is lifted where its process died before it wrote its number", async () => {
    const lock = machine.path("folder.lock");
    fs.mkdirSync(lock);
    fs.utimesSync(lock, new Date(0), new Date(0));
    expect(await withFolderLock(lock, machine.say, () => Promise.resolve("done"))).toBe("done");
  });

  it("is given back when the work fails", async () => {
    const lock = machine.path("folder.lock");
    await expect(withFolderLock(lock, machine.say, () => Promise.reject(new Error("no")))).rejects.toThrow(
      "no",
    );
    expect(fs.existsSync(lock)).toBe(false);
  });

  it("does not wait for ever where the folder cannot be made", async () => {
    machine.write("a-file", "");
    const lock = machine.path("a-file", "folder.lock");
    await expect(withFolderLock(lock, machine.say, () => Promise.resolve())).rejects.toThrow(
      EnvironmentFailure,
    );
  });
});

describe("example data", () => {
  const at = (file: string, second: number) => {
    const written = machine.write(file, "");
    fs.utimesSync(written, second, second);
    return written;
  };

  it("is written again when it is older than its script, or a file is missing", () => {
    const [old, recent, script] = [at("old", 1), at("recent", 3), at("script", 2)];
    expect(areNewer([recent], [script])).toBe(true);
    expect(areNewer([recent, old], [script])).toBe(false);
    expect(areNewer([recent, machine.path("missing")], [script])).toBe(false);
  });
});
