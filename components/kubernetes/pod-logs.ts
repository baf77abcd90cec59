import readline from "node:readline";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Log, type V1Pod } from "@kubernetes/client-node";
import type { Cluster } from "../../loading/kubernetes-client.ts";
import { containersOf } from "./pod-report.ts";

/** Prints what the containers of a Job's pods write, as they write it, each container once. */
export class PodLogs {
  readonly #followed = new Set<string>();
  readonly #streams: AbortController[] = [];
  readonly #ends: Promise<unknown>[] = [];
  readonly #log: Log;
  readonly #say: (line: string) => void;

  constructor(cluster: Cluster, say: (line: string) => void) {
    this.#log = new Log(cluster.config);
    this.#say = say;
  }

  /** Follow every container that has begun and is not followed yet. */
  follow(pod: V1Pod): void {
    for (const { name, state } of containersOf(pod)) {
      const key = `${pod.metadata?.uid ?? ""}/${name}`;
      if (this.#followed.has(key) || (state?.running === undefined && state?.terminated === undefined))
        continue;
      this.#followed.add(key);
      void this.#stream(pod, name);
    }
  }

  /** Ends all streams, after giving those of ended containers two seconds for their last lines. */
  async end(): Promise<void> {
    await Promise.race([Promise.allSettled(this.#ends), sleep(2000)]);
    for (const stream of this.#streams) stream.abort();
  }

  async #stream(pod: V1Pod, container: string): Promise<void> {
    const out = new PassThrough();
    readline.createInterface({ input: out }).on("line", (line) => {
      if (line.trim() !== "") this.#say(line);
    });
    this.#ends.push(finished(out));
    try {
      const { namespace = "", name = "" } = pod.metadata ?? {};
      this.#streams.push(await this.#log.log(namespace, name, container, out, { follow: true }));
    } catch (error) {
      // A pod can be gone before its log was asked for: its outcome is read from the Job.
      out.end();
      this.#say(`no log of ${container}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
