import fs from "node:fs";
import path from "node:path";

/**
 * Says which process wants the work of a stack done. Pulumi does not tell dynamic providers that an
 * update was cancelled, so they look here: lease gone or holder dead means stop, checkpoint kept.
 */
export function leaseFile(workspace: string, stack: string): string {
  return path.join(workspace, "locks", `${stack}.lease`);
}

/** Take the lease for this process, until it ends. */
export function takeLease(file: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, String(process.pid));
}

/** Give the lease up: running stages are asked to stop within a second. */
export function dropLease(file: string): void {
  fs.rmSync(file, { force: true });
}

/** Whether somebody still waits for the work. */
export function leaseHeld(file: string): boolean {
  try {
    return isAlive(Number(fs.readFileSync(file, "utf8")));
  } catch {
    return false;
  }
}

/** Whether a process exists; signal 0 asks without doing anything. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
