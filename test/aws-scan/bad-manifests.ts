import { stringify } from "yaml";

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "bad", namespace: "tuneform" },
  spec: {
    hostNetwork: true,
    containers: [
      { name: "bad", image: "registry.example/bad:latest", securityContext: { privileged: true } },
    ],
    volumes: [{ name: "node", hostPath: { path: "/" } }],
  },
};
const role = (name: string, rule: object) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name },
  rules: [rule],
});

/** What has to be found: a scanner that is silent about these says nothing about ours. */
export const badFiles = (): { file: string; text: string }[] =>
  [
    pod,
    role("everything", { apiGroups: ["*"], resources: ["*"], verbs: ["*"] }),
    role("secrets", { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] }),
  ].map((manifest) => ({ file: `${manifest.metadata.name}.yaml`, text: stringify(manifest) }));
