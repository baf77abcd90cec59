/** What a process of unknown size gets: its base's architecture is not in the catalog. */
const UNKNOWN_BYTES = 16 * 2 ** 30;
const STEP = 256 * 2 ** 20;

/**
 * Memory that a pod asks for, in bytes: a quarter and a gigabyte above what was planned of its process, in
 * steps of 256 MiB. A wrong plan must not end a training.
 */
export function podMemoryBytes(hostBytes: number | null): number {
  const wanted = hostBytes === null ? UNKNOWN_BYTES : hostBytes * 1.25 + 1e9;
  return Math.ceil(wanted / STEP) * STEP;
}
