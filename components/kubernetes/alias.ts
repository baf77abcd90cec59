import { setTimeout as sleep } from "node:timers/promises";
import { PatchStrategy } from "@kubernetes/client-node";
import { exitMeaning } from "../../core/spec/exit-codes.ts";
import { connect, type Cluster, type Connection } from "../../loading/kubernetes-client.ts";
import type { Lifecycle } from "../local/provider.ts";
import type { OutcomeOutputs, Target } from "./outcome.ts";

/** An alias and what the gate said of the run that it should move to. */
export interface AliasInputs {
  connection: Connection;
  namespace: string;
  alias: string;
  state: OutcomeOutputs["state"];
  reason: string;
  exitCode: number;
  /** What the declared alias map says; null where nothing serves. */
  serving: Target | null;
}

/** A server may have to load a new adapter first, and the kubelet to bring the new alias map. */
const LIMIT_SECONDS = 600;

/**
 * A run that was refused or failed fails the update here, after everything else was made true: the alias map
 * keeps the incumbent, and other fine-tunes are promoted all the same. A promoted one is done when the gateway
 * says that the alias points at it.
 */
async function settle(inputs: AliasInputs): Promise<AliasInputs> {
  const { alias, state, reason, exitCode, serving } = inputs;
  if (state === "running") {
    console.log(reason);
    return inputs;
  }
  if (state !== "promoted" || serving === null)
    throw new Error(
      `${alias}: ${state === "failed" ? "" : `${state} by the gate: `}${reason} ` +
        `(exit code ${exitCode}: ${exitMeaning(exitCode)})` +
        (serving === null ? "" : `\n${alias}: ${serving.modelId} still serves`),
    );
  const cluster = connect(inputs.connection);
  await hurry(cluster, inputs.namespace);
  let found = "nothing";
  for (const deadline = Date.now() + LIMIT_SECONDS * 1000; Date.now() < deadline; await sleep(1000)) {
    found = (await targetOf(cluster, inputs)) ?? found;
    if (found === serving.modelId) {
      console.log(`${alias} alias: ${serving.modelId}`);
      return inputs;
    }
  }
  throw new Error(
    `${alias}: the gateway did not move to ${serving.modelId} in ${LIMIT_SECONDS} s (it serves ${found}); ` +
      `see kubectl -n ${inputs.namespace} logs deployment/gateway`,
  );
}

/** The kubelet brings a changed ConfigMap within about a minute, and at once to a pod that changes itself. */
async function hurry({ core, objects }: Cluster, namespace: string): Promise<void> {
  const labelSelector = "app.kubernetes.io/name=tuneform,app.kubernetes.io/component=gateway";
  const { items } = await core.listNamespacedPod({ namespace, labelSelector });
  for (const { metadata } of items) {
    const name = metadata?.name ?? "";
    const annotations = { "tuneform.dev/aliases-read-at": new Date().toISOString() };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, annotations } };
    await objects.patch(pod, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch);
  }
}

/** Model id that the gateway sends an alias to, asked through the API server; null where it does not answer. */
async function targetOf({ core }: Cluster, { namespace, alias }: AliasInputs): Promise<string | null> {
  try {
    const answer: unknown = await core.connectGetNamespacedServiceProxyWithPath({
      name: "gateway:80",
      namespace,
      path: "v1/models",
    });
    const { data } = (typeof answer === "string" ? JSON.parse(answer) : answer) as {
      data: { id: string; root: string }[];
    };
    return data.find(({ id }) => id === alias)?.root ?? null;
  } catch {
    return null;
  }
}

export const lifecycle: Lifecycle<AliasInputs, AliasInputs> = {
  async diff(old, inputs) {
    const isSame = old.state === inputs.state && old.serving?.modelId === inputs.serving?.modelId;
    if (!isSame || inputs.state !== "promoted") return true;
    const live = await targetOf(connect(inputs.connection), inputs);
    return live !== null && live !== inputs.serving?.modelId;
  },
  async create(inputs) {
    return { id: inputs.alias, outputs: await settle(inputs) };
  },
  async update(_old, inputs) {
    return settle(inputs);
  },
  async delete() {
    // The entry of the alias map goes with the map.
  },
};
