import { ApisApi, CustomObjectsApi, type V1Job } from "@kubernetes/client-node";
import type { Cluster } from "../../loading/kubernetes-client.ts";

const GROUP = "kueue.x-k8s.io";

/** What Kueue keeps of a Job that it holds, as far as it says why. */
export interface Workload {
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
}

/** Kueue's local queue that a Job is in; null where it is in none. */
export const queueOf = (job: V1Job): string | null => job.metadata?.labels?.[`${GROUP}/queue-name`] ?? null;

/** Why a suspended Job does not run, for people; Kueue's own words where it has said any. */
export async function queueReason(cluster: Cluster, job: V1Job): Promise<string> {
  return heldReason(job, queueOf(job) === null ? null : await workloadOf(cluster, job));
}

/** See `queueReason`. `workload`: null where there is none, or it may not be read. */
export function heldReason(job: V1Job, workload: Workload | null): string {
  const queue = queueOf(job);
  if (queue === null) return "is suspended: it runs when its spec.suspend is set to false";
  const holds = (type: string, status: string) =>
    workload?.status?.conditions?.find((condition) => condition.type === type && condition.status === status);
  // Evicted stays when it waits again, and says why it had to.
  const said = holds("QuotaReserved", "False") ?? holds("Admitted", "False") ?? holds("Evicted", "True");
  return `waits in queue ${queue}${said?.message ? `: ${said.message}` : ""}`;
}

/** Which version a Kueue serves depends on its release: the cluster is asked. */
async function workloadOf({ config }: Cluster, job: V1Job): Promise<Workload | null> {
  try {
    const { groups } = await config.makeApiClient(ApisApi).getAPIVersions();
    const version = groups.find(({ name }) => name === GROUP)?.preferredVersion?.version;
    if (version === undefined) return null;
    const { items } = (await config.makeApiClient(CustomObjectsApi).listNamespacedCustomObject({
      group: GROUP,
      version,
      namespace: job.metadata?.namespace ?? "",
      plural: "workloads",
      labelSelector: `${GROUP}/job-uid=${job.metadata?.uid ?? ""}`,
    })) as { items: Workload[] };
    return items[0] ?? null;
  } catch {
    // It only explains: who may make Jobs need not be allowed to read Kueue's objects.
    return null;
  }
}
