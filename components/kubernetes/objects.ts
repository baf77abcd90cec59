import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

/** The part of every Kubernetes object that naming it needs; builders of core/kubernetes make them. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

type Constructor = new (
  name: string,
  args: never,
  opts?: pulumi.CustomResourceOptions,
) => pulumi.CustomResource;

/** Resource class by kind: every kind that core/kubernetes builds has a row. */
const CLASSES: Record<string, Constructor> = {
  Namespace: k8s.core.v1.Namespace,
  ResourceQuota: k8s.core.v1.ResourceQuota,
  LimitRange: k8s.core.v1.LimitRange,
  NetworkPolicy: k8s.networking.v1.NetworkPolicy,
  PersistentVolume: k8s.core.v1.PersistentVolume,
  PersistentVolumeClaim: k8s.core.v1.PersistentVolumeClaim,
  StorageClass: k8s.storage.v1.StorageClass,
  ServiceAccount: k8s.core.v1.ServiceAccount,
  ClusterRole: k8s.rbac.v1.ClusterRole,
  ClusterRoleBinding: k8s.rbac.v1.ClusterRoleBinding,
  Role: k8s.rbac.v1.Role,
  RoleBinding: k8s.rbac.v1.RoleBinding,
  ConfigMap: k8s.core.v1.ConfigMap,
  Secret: k8s.core.v1.Secret,
  Job: k8s.batch.v1.Job,
  Deployment: k8s.apps.v1.Deployment,
  DaemonSet: k8s.apps.v1.DaemonSet,
  Service: k8s.core.v1.Service,
  PodDisruptionBudget: k8s.policy.v1.PodDisruptionBudget,
  PriorityClass: k8s.scheduling.v1.PriorityClass,
  NodePool: k8s.apiextensions.CustomResource,
  EC2NodeClass: k8s.apiextensions.CustomResource,
  NodeClass: k8s.apiextensions.CustomResource,
};

/**
 * Declare a built object as a resource of its own kind, under the logical name `<kind>-<name>` unless given
 * another. Throws Error for a kind without a row above: a defect of the builders.
 */
export function declareObject(
  object: KubernetesObject,
  opts: pulumi.CustomResourceOptions,
  logicalName = `${object.kind.toLowerCase()}-${object.metadata.name}`,
): pulumi.CustomResource {
  const resource = CLASSES[object.kind];
  if (resource === undefined) throw new Error(`no resource class for kind ${object.kind}`);
  return new resource(logicalName, object as never, opts);
}
