import type { GpuServer, ServingPlan } from "./serving-plan.ts";
import { figure, gigabytes, usd } from "./text.ts";

/** What serving a stack on GPUs takes: a line a server, and what is not served. */
export function servingLines({ servers, unserved, usdPerMonth }: ServingPlan): string[] {
  const count = servers.reduce((sum, { replicas }) => sum + replicas, 0);
  return [
    ...(servers.length === 0
      ? []
      : [`on GPUs, ${count} ${count === 1 ? "server" : "servers"}, ${usd(usdPerMonth)} a month`]),
    ...servers.map(serverLine),
    ...unserved.map(({ name, reason }) => `${name} is not served: ${reason}`),
  ];
}

function serverLine(server: GpuServer): string {
  const { baseId, fineTunes, kind, instance, replicas, memory, oneMore } = server;
  const what =
    kind === "merged"
      ? "merged, vLLM has no LoRA for it"
      : `${memory.slots} ${memory.slots === 1 ? "slot" : "slots"} of rank ${memory.maxLoraRank}`;
  const on = replicas === 1 ? instance : `${replicas} × ${instance}`;
  const expected =
    server.expectedConcurrency === null
      ? "economics.requestsPerDay is not set"
      : `${figure(server.expectedConcurrency)} expected in the busiest hour`;
  const more =
    kind === "merged"
      ? `one more is a server of its own, ${usd(oneMore.usdPerMonth)} a month`
      : `one more takes ${gigabytes(oneMore.bytes)} and ${oneMore.usdPerMonth === 0 ? "no dollars" : `${usd(oneMore.usdPerMonth)} a month`}`;
  return (
    `${baseId} on ${on}, ${usd(server.usdPerMonth)} a month, ${usd(server.usdPerMonth / fineTunes.length)} a fine-tune: ` +
    `${fineTunes.join(", ")} (${what}); ${memory.maxModelLength.toLocaleString("en")} tokens of context, ` +
    `cache for ${figure(server.possibleConcurrency)} usual requests at a time, ${expected}; ${more}`
  );
}
