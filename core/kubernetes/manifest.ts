/** A Kubernetes object as plain JSON: what a component declares and what `render` writes. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
}

export interface Metadata {
  name: string;
  /** Absent for what belongs to the cluster. */
  namespace?: string;
  labels: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface ConfigMap extends Manifest {
  kind: "ConfigMap";
  data: Record<string, string>;
  immutable?: boolean;
}

export interface Secret extends Manifest {
  kind: "Secret";
  type: "Opaque";
  immutable: true;
  /** Base64. */
  data: Record<string, string>;
}

export interface Job extends Manifest {
  kind: "Job";
  spec: Record<string, unknown> & { template: PodTemplate };
}

export interface Deployment extends Manifest {
  kind: "Deployment";
  spec: Record<string, unknown> & { template: PodTemplate };
}

export interface Service extends Manifest {
  kind: "Service";
  spec: {
    type: string;
    selector: Record<string, string>;
    ports: { name: string; port: number; targetPort: number | string; nodePort?: number }[];
  };
}

export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

export interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken: false;
  enableServiceLinks: false;
  restartPolicy: "Never" | "Always";
  terminationGracePeriodSeconds: number;
  priorityClassName?: string;
  securityContext: Record<string, unknown>;
  nodeSelector?: Record<string, string>;
  tolerations?: object[];
  initContainers?: Container[];
  containers: Container[];
  volumes: Volume[];
}

export interface Container {
  name: string;
  image: string;
  imagePullPolicy: "IfNotPresent";
  command: string[];
  args: string[];
  env: EnvironmentVariable[];
  resources: Resources;
  securityContext: Record<string, unknown>;
  terminationMessagePolicy: "FallbackToLogsOnError";
  volumeMounts: VolumeMount[];
  ports?: { name: string; containerPort: number }[];
  startupProbe?: object;
  readinessProbe?: object;
  livenessProbe?: object;
  lifecycle?: object;
}

export type EnvironmentVariable =
  | { name: string; value: string }
  | { name: string; valueFrom: { secretKeyRef: { name: string; key: string } } };

export interface Resources {
  requests: Record<string, string>;
  limits: Record<string, string>;
}

export type Volume = { name: string } & Record<string, unknown>;

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
}
