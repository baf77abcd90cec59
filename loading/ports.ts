import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import type { ServerPlan } from "../core/plan/plan.ts";
import type { Problem } from "../core/spec/problems.ts";

/** Ports that another program holds; our own running servers are no problem. */
export async function portProblems(
  servers: readonly ServerPlan[],
  workspace: string,
  stackFile: string,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { key, server } of servers) {
    if (isOurs(path.join(workspace, "servers", key, "pid.json"), server.port)) continue;
    if (await isFree(server.host, server.port)) continue;
    problems.push({
      file: stackFile,
      path: "tuneform:port",
      message: `port ${server.port} on ${server.host} is taken by another program`,
      hint: "stop it, or set another port",
    });
  }
  return problems;
}

function isOurs(pidFile: string, port: number): boolean {
  try {
    return (JSON.parse(fs.readFileSync(pidFile, "utf8")) as { port: number }).port === port;
  } catch {
    return false;
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer().once("error", () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
