import { setTimeout as sleep } from "node:timers/promises";
import { ApiException, PatchStrategy } from "@kubernetes/client-node";
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
 * keeps the incumbent, and other fine-tunes are promoted all the same. A promoted one is done when its
 * model has answered the gateway under the alias.
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
  let last: Proof | null = null;
  for (const deadline = Date.now() + LIMIT_SECONDS * 1000; Date.now() < deadline; await sleep(1000)) {
    last = (await proofOf(cluster, inputs)) ?? last;
    if (last?.modelId === serving.modelId && last.trouble === null) {
      console.log(`${alias} alias: ${serving.modelId}`);
      return inputs;
    }
  }
  throw new Error(
    `${alias}: ${serving.modelId} did not answer through the gateway in ${LIMIT_SECONDS} s ` +
      `(it serves ${last?.modelId ?? "nothing"}${last?.trouble == null ? "" : `: ${last.trouble}`}); ` +
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

interface Proof {
  modelId: string;
  /** What went wrong when the model was asked for a token; null: it has answered. */
  trouble: string | null;
}

/** What the gateway says of an alias, asked through the API server; null where it does not answer. */
async function proofOf({ core }: Cluster, { namespace, alias }: AliasInputs): Promise<Proof | null> {
  const path = `health/${alias}`;
  try {
    return proofIn(
      await core.connectGetNamespacedServiceProxyWithPath({ name: "gateway:80", namespace, path }),
    );
  } catch (error) {
    // 503: the model does not answer. Anything else is no answer of the gateway.
    return error instanceof ApiException && error.code === 503 ? proofIn(error.body) : null;
  }
}

function proofIn(answer: unknown): Proof | null {
  try {
    const value = (typeof answer === "string" ? JSON.parse(answer) : answer) as Partial<Proof>;
    return value.modelId === undefined ? null : { modelId: value.modelId, trouble: value.trouble ?? null };
  } catch {
    return null; // the API server's own words: no pod of the gateway is ready
  }
}

export const lifecycle: Lifecycle<AliasInputs, AliasInputs> = {
  async diff(old, inputs) {
    const isSame = old.state === inputs.state && old.serving?.modelId === inputs.serving?.modelId;
    if (!isSame || inputs.state !== "promoted") return true;
    const live = await proofOf(connect(inputs.connection), inputs);
    return live !== null && (live.modelId !== inputs.serving?.modelId || live.trouble !== null);
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
