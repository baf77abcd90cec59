export interface ClusterAccess {
  name: string;
  region: string;
  endpoint: string;
  /** Base64 of the cluster's certificate. */
  certificate: string;
}

/**
 * A kubeconfig whose credentials are made when they are needed, by the AWS CLI of whoever asks: there is no secret in
 * it, so it may lie in the state.
 */
export function kubeconfigOf({ name, region, endpoint, certificate }: ClusterAccess): string {
  const args = ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"];
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": name,
      clusters: [{ name, cluster: { server: endpoint, "certificate-authority-data": certificate } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      users: [
        {
          name,
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1beta1",
              command: "aws",
              args,
              interactiveMode: "Never",
              provideClusterInfo: false,
            },
          },
        },
      ],
    },
    null,
    2,
  )}\n`;
}
