import type { V1Job } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { heldReason, queueOf } from "../../components/kubernetes/queue-report.ts";

const inQueue: V1Job = { metadata: { labels: { "kueue.x-k8s.io/queue-name": "fine-tunes" } } };
const condition = (type: string, status: string, message: string) => ({ type, status, message });

describe("why a suspended Job does not run", () => {
  it("is the queue that holds it, in Kueue's own words where it has said any", () => {
    const said = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu";
    const workload = { status: { conditions: [condition("QuotaReserved", "False", said)] } };
    expect(heldReason(inQueue, workload)).toBe(`waits in queue fine-tunes: ${said}`);
    expect(heldReason(inQueue, null)).toBe("waits in queue fine-tunes");
    expect(heldReason(inQueue, {})).toBe("waits in queue fine-tunes");
  });

  it("is what it waits for now before why it was put back", () => {
    const evicted = condition("Evicted", "True", "Preempted to accommodate a workload of another queue");
    const pending = condition("QuotaReserved", "False", "no quota");
    expect(heldReason(inQueue, { status: { conditions: [evicted] } })).toContain("Preempted to accommodate");
    expect(heldReason(inQueue, { status: { conditions: [evicted, pending] } })).toContain("no quota");
  });

  it("says what to do where no queue holds it", () => {
    expect(heldReason({}, null)).toBe("is suspended: it runs when its spec.suspend is set to false");
    expect(queueOf({})).toBeNull();
  });
});
