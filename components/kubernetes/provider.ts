import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { Connection } from "../../loading/kubernetes-client.ts";

/** Pulumi's provider for the cluster of a connection. */
export function clusterProvider(
  { kubeconfig, context }: { kubeconfig: pulumi.Input<string> | null; context: Connection["context"] },
  opts: pulumi.ResourceOptions = {},
): k8s.Provider {
  return new k8s.Provider(
    "cluster",
    {
      ...(kubeconfig === null ? {} : { kubeconfig }),
      ...(context === null ? {} : { context }),
      // Else a changed alias map would be another object, and the gateway would lose the one that it reads.
      enableConfigMapMutable: true,
    },
    opts,
  );
}
