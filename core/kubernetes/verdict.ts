import type { StackPlan } from "../plan/plan.ts";
import type { ConfigMap, Manifest } from "./manifest.ts";
import { clusterOf, metadataOf, names } from "./names.ts";
import { serviceAccountOf, type ServiceAccount } from "./service-account.ts";

export interface VerdictAccess {
  serviceAccount: ServiceAccount;
  role: Manifest & { rules: object[] };
  roleBinding: Manifest & { roleRef: object; subjects: object[] };
  /** Made empty; `publish` writes into it. */
  verdict: ConfigMap;
}

/** What a fine-tune's Job may do in the cluster: write its verdict into one ConfigMap. */
export function verdictAccess(plan: StackPlan, fineTune: string): VerdictAccess {
  const labels = { "tuneform.dev/fine-tune": fineTune };
  const name = names.verdict(fineTune);
  const account = names.trainer(fineTune);
  return {
    serviceAccount: serviceAccountOf(plan, account, labels),
    role: {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: metadataOf(plan, name, labels),
      rules: [{ apiGroups: [""], resources: ["configmaps"], resourceNames: [name], verbs: ["get", "patch"] }],
    },
    roleBinding: {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: metadataOf(plan, name, labels),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: clusterOf(plan).namespace }],
    },
    verdict: { apiVersion: "v1", kind: "ConfigMap", metadata: metadataOf(plan, name, labels), data: {} },
  };
}
