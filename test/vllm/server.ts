import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { execa } from "execa";
import { vllmArguments, vllmEnvironment, type VllmInput } from "../../core/kubernetes/vllm-arguments.ts";
import { freePort } from "../engine/project.ts";

export const COMMAND_LINE = path.join(import.meta.dirname, "command_line.py");

/** For a machine without a GPU: 1 GiB of keys and values, and one thread on whatever core is free. */
const CPU = { VLLM_CPU_KVCACHE_SPACE: "1", VLLM_CPU_OMP_THREADS_BIND: "nobind", OMP_NUM_THREADS: "1" };
/** Three processes import torch one after the other. */
const START_SECONDS = 480;

/** A running `vllm serve` on this machine. */
export class VllmServer {
  readonly url: string;
  readonly startSeconds: number;
  private readonly child: VllmProcess;

  private constructor(url: string, child: VllmProcess, startSeconds: number) {
    this.url = url;
    this.child = child;
    this.startSeconds = startSeconds;
  }

  /** With the arguments that a pod gets, on a free port of this machine. */
  static async of(python: string, input: Omit<VllmInput, "port">): Promise<VllmServer> {
    const port = await freePort();
    const args = ["--host=127.0.0.1", ...vllmArguments({ ...input, port })];
    const server = await VllmServer.start(python, args, port);
    console.log(`vLLM answered after ${Math.round(server.startSeconds)} s`);
    return server;
  }

  /** Waits for /health. Throws with the last lines of its log where it ends or never answers. */
  private static async start(python: string, args: string[], port: number): Promise<VllmServer> {
    const began = Date.now();
    const child = spawn(python, args);
    const url = `http://127.0.0.1:${port}`;
    const seconds = () => (Date.now() - began) / 1000;
    while (seconds() < START_SECONDS && child.exitCode === null) {
      if (await isHealthy(url)) return new VllmServer(url, child, seconds());
      await sleep(500);
    }
    killGroup(child);
    throw new Error(`vLLM did not start:\n${lastLines((await child).all)}`);
  }

  isHealthy(): Promise<boolean> {
    return isHealthy(this.url);
  }

  async post<T>(route: string, body: object): Promise<{ status: number; body: T }> {
    const response = await fetch(this.url + route, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  /** SIGTERM, as a pod is stopped; the end of its log. Whatever is left of its processes is killed. */
  async stop(): Promise<string> {
    this.child.kill("SIGTERM");
    await Promise.race([this.child, sleep(60_000, null, { ref: false })]);
    killGroup(this.child);
    return lastLines((await this.child).all);
  }
}

/** In a process group of its own, so that none of its processes outlives a failed test. */
function spawn(python: string, args: string[]) {
  const env = { ...vllmEnvironment(), ...CPU };
  const child = execa(python, [COMMAND_LINE, "serve", ...args], {
    env,
    all: true,
    reject: false,
    detached: true,
    forceKillAfterDelay: false,
  });
  process.once("exit", () => killGroup(child));
  return child;
}

type VllmProcess = ReturnType<typeof spawn>;

function killGroup(child: { pid?: number | undefined }): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended, with all of its processes.
  }
}

const lastLines = (log: string) => log.split("\n").slice(-40).join("\n");

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}
