import type { V1Job } from "@kubernetes/client-node";
import { connect, type Connection } from "../../loading/kubernetes-client.ts";
import type { Lifecycle } from "../local/provider.ts";
import { followJob, forgetFailed, type JobEnd } from "./job-following.ts";

/** The Job that fetches a base model of the hub, for one run. */
export interface StagingInputs {
  connection: Connection;
  namespace: string;
  /** Name of the fine-tune; begins every line it prints. */
  name: string;
  runId: string;
  /** As declared: made again where it is gone, or failed in an earlier update. */
  job: V1Job;
  /** See local/lease.ts. */
  lease: string;
}

/** Never an error: a base that cannot be had fails its own alias, and holds no other fine-tune back. */
export interface StagingOutputs extends JobEnd {
  runId: string;
}

async function conclude(inputs: StagingInputs): Promise<StagingOutputs> {
  // Also in detached mode: a training that began before its weights are there would hold a GPU for nothing.
  const end = await followJob(connect(inputs.connection), { ...inputs, mode: "await" });
  return { ...end, runId: inputs.runId };
}

export const lifecycle: Lifecycle<StagingInputs, StagingOutputs> = {
  diff: (old, inputs) => Promise.resolve(old.runId !== inputs.runId || old.state !== "complete"),
  async create(inputs) {
    return { id: inputs.name, outputs: await conclude(inputs) };
  },
  async update(old, inputs) {
    if (old.runId === inputs.runId) await forgetFailed(connect(inputs.connection), inputs);
    return conclude(inputs);
  },
  async delete() {
    // The Job is a resource of its own.
  },
};
