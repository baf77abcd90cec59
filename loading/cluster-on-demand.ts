import type { readCluster as read } from "./cluster.ts";

/** `readCluster`, whose client takes a second to load: only a stack that has a cluster waits for it. */
export const readCluster: typeof read = async (...asked) =>
  (await import("./cluster.ts")).readCluster(...asked);
