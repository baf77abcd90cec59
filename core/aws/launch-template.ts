/**
 * Of every node: tokens asked for, and one hop, so that pods never get the node's own credentials (AWS's EKS best
 * practices; pods have Pod Identity).
 */
export const METADATA_OPTIONS = {
  httpEndpoint: "enabled",
  httpTokens: "required",
  httpPutResponseHopLimit: 1,
} as const;

/** Tags of a node group do not reach its machines, disks and interfaces: the template's do. */
export const taggedParts = (tags: Record<string, string>) =>
  ["instance", "volume", "network-interface"].map((resourceType) => ({ resourceType, tags }));
