import { spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import type { ServerPlan } from "../core/plan/servers.ts";
import type { Problem } from "../core/spec/problems.ts";

/** Ports that another program holds; our own running servers are no problem. */
export async function portProblems(
  servers: readonly ServerPlan[],
  workspace: string,
  stackFile: string,
): Promise<Problem[]> {
  const problem = (message: string, hint: string): Problem[] => [
    { file: stackFile, path: "tuneform:port", message, hint },
  ];
  const checks = servers.map(async ({ key, server: { host, port } }): Promise<Problem[]> => {
    if (port > 65535)
      return problem(
        `leaves no port for the server of ${key}: every base takes the next one`,
        `at most ${65536 - servers.length} for ${servers.length} bases`,
      );
    if (isOurs(path.join(workspace, "servers", key), port) || (await isFree(host, port))) return [];
    return problem(`port ${port} on ${host} is taken by another program`, "stop it, or set another port");
  });
  return (await Promise.all(checks)).flat();
}

/** Whether the server of this folder runs on the port: a recycled pid does not carry our server.json. */
function isOurs(folder: string, port: number): boolean {
  let own: { pid: number; port: number };
  try {
    own = JSON.parse(fs.readFileSync(path.join(folder, "pid.json"), "utf8")) as typeof own;
  } catch {
    return false;
  }
  if (own.port !== port) return false;
  const { stdout } = spawnSync("ps", ["-o", "args=", "-p", String(own.pid)], { encoding: "utf8" });
  return stdout.includes(path.join(folder, "server.json"));
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer().once("error", () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
