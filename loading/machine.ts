import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export interface MachineFacts {
  memoryBytes: number;
  /** Free on the disk of the workspace. */
  freeDiskBytes: number;
  /** What training reaches here, estimated; probed once, at the first call. */
  flopsPerSecond: () => number;
}

export function machineFacts(workspace: string): MachineFacts {
  let probed: number | undefined;
  return {
    memoryBytes: memoryBytes(),
    freeDiskBytes: freeBytes(workspace),
    flopsPerSecond: () => (probed ??= probe()),
  };
}

/** Of the machine, or what a container leaves of it. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(os.totalmem(), limit) : os.totalmem();
}

/** The path itself, or the nearest above it that exists already. */
export function nearestExisting(file: string): string {
  return fs.existsSync(file) ? file : nearestExisting(path.dirname(file));
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = fs.statfsSync(nearestExisting(folder));
  return bavail * bsize;
}

/**
 * Training FLOP/s of this machine from half a second of matrix products in JavaScript. The factor between the
 * two was measured with SmolLM2-135M on two cores of an AMD EPYC: 180 to 230 when nothing else ran, 90 to 150
 * beside other work. It only serves the first run of a base; after that the last run's own speed is used.
 */
const TRAINING_PER_PROBE = 180;
const SLICES = 5;
const SLICE_MILLISECONDS = 100;

/** The fastest slice counts: an installation that ends just before takes half of the others. */
function probe(): number {
  const n = 128;
  const a = new Float32Array(n * n).fill(0.5);
  const b = new Float32Array(n * n).fill(0.25);
  const c = new Float32Array(n * n);
  const slices = Array.from({ length: SLICES }, () => {
    const began = performance.now();
    let products = 0;
    while (performance.now() - began < SLICE_MILLISECONDS) {
      multiply(a, b, c, n);
      products += 1;
    }
    return (products * 2 * n ** 3) / ((performance.now() - began) / 1000);
  });
  return Math.max(...slices) * TRAINING_PER_PROBE;
}

function multiply(a: Float32Array, b: Float32Array, c: Float32Array, n: number): void {
  for (let i = 0; i < n; i += 1)
    for (let k = 0; k < n; k += 1) {
      const factor = a[i * n + k] as number;
      for (let j = 0; j < n; j += 1)
        c[i * n + j] = (c[i * n + j] as number) + factor * (b[k * n + j] as number);
    }
}
