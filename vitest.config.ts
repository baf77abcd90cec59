import { defineConfig } from "vitest/config";

/** Folders whose tests start clusters, servers and trainings, or build images: they have the machine to themselves, two at a time. */
const REAL = ["engine", "cluster", "vllm", "image"];

export default defineConfig({
  test: {
    // Real engines and trainers run in some files: generous limits, since these machines are small.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "light",
          include: ["test/**/*.test.ts"],
          exclude: REAL.map((folder) => `test/${folder}/**`),
          maxWorkers: "100%",
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          include: REAL.map((folder) => `test/${folder}/**/*.test.ts`),
          maxWorkers: 2, // each waits for half of its time
          sequence: { groupOrder: 1 }, // after the others
        },
      },
    ],
  },
});
