/** Where pods may run. */
export interface Nodes {
  nodeSelector: Record<string, string>;
  tolerations: Toleration[];
}

export interface Toleration {
  key: string;
  operator: "Exists";
  effect: "NoSchedule";
}
