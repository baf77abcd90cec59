import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EnvironmentFailure } from "./failure.ts";

/**
 * Only one process at a time does `work`; a lock whose process is gone is lifted. Throws
 * EnvironmentFailure where the lock's folder cannot be made, for instance on a read-only disk.
 */
export async function withFolderLock<T>(
  folder: string,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const owner = path.join(folder, "pid");
  for (let told = false; !tryLock(folder, owner); await sleep(500)) {
    if (isStale(folder, owner)) fs.rmSync(folder, { recursive: true, force: true });
    else if (!told) {
      say(`setup: another process is installing; waiting for it (${folder})`);
      told = true;
    }
  }
  try {
    return await work();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function tryLock(folder: string, owner: string): boolean {
  try {
    fs.mkdirSync(path.dirname(folder), { recursive: true });
    fs.mkdirSync(folder);
    fs.writeFileSync(owner, String(process.pid));
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Only a folder that is there means that somebody else is at work.
    if (code === "EEXIST" && fs.statSync(path.dirname(folder)).isDirectory()) return false;
    throw new EnvironmentFailure(`${path.dirname(folder)}: nothing can be installed here: ${message}`);
  }
}

/** The pid file follows the folder within moments; without it for ten seconds, its process died. */
function isStale(folder: string, owner: string): boolean {
  try {
    const age = Date.now() - fs.statSync(folder).mtimeMs;
    const pid = fs.existsSync(owner) ? fs.readFileSync(owner, "utf8") : "";
    if (pid === "") return age > 10_000;
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    // ENOENT: the lock was given back a moment ago. EPERM: alive, of another person.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
