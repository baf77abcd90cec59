import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Only one process at a time does `work`; a lock whose process is gone is lifted. */
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
    fs.mkdirSync(folder);
  } catch {
    return false;
  }
  fs.writeFileSync(owner, String(process.pid));
  return true;
}

/** The pid file follows the folder within moments; without it for ten seconds, its process died. */
function isStale(folder: string, owner: string): boolean {
  const age = Date.now() - (fs.statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (!fs.existsSync(owner)) return age > 10_000;
  try {
    process.kill(Number(fs.readFileSync(owner, "utf8")), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
