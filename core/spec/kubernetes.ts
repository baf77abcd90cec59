import { z } from "zod";
import { GPU_IDS, GPUS } from "../catalog/gpus.ts";

/** What answers requests: vLLM on a GPU, or the trainer image's own server on a CPU. */
export const ENGINES = ["vllm", "cpu"] as const;
export type Engine = (typeof ENGINES)[number];

/** DNS-1123 label: names of namespaces and Services. */
const label = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "must be lower-case letters, digits and hyphens")
  .max(63);
/** DNS-1123 subdomain: names of most objects. */
const objectName = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    "must be lower-case letters, digits, hyphens and dots",
  )
  .max(253);
const image = z
  .string()
  .regex(
    /^[a-z0-9][\w.-]*(:\d+)?(\/[\w.-]+)*(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?$/i,
    "must be an image reference, for example ghcr.io/owner/trainer@sha256:<64 hex digits>",
  );
const size = z.string().regex(/^[1-9]\d*(Mi|Gi|Ti)$/, "must be a size such as 50Gi");
const hubUrl = z
  .string()
  .regex(
    /^https?:\/\/[^\s/?#]+(\/[^\s/?#]+)*$/,
    "must be a URL such as https://hub.example.com/api/hub, without a slash at its end",
  )
  .refine((text) => isUrl(text), "must be a URL with a host and a port between 1 and 65535")
  .refine(
    (text) => !/^https?:\/\/[^/]*@/.test(text),
    "must not carry a name or a password → put the token into the Secret of tokenSecret",
  );
const network = z.union([z.cidrv4(), z.cidrv6()]);
const port = z.number().int().min(1).max(65535);
/** Every IPv4 address. */
export const EVERYWHERE = "0.0.0.0/0";
const cores = z.string().regex(/^(\d+m|\d+(\.\d+)?)$/, 'must be cores such as "1" or "500m"');
const orNull = <T extends z.ZodType>(schema: T) => schema.nullable().default(null);

const gateway = z
  .strictObject({
    serviceType: z.enum(["ClusterIP", "NodePort", "LoadBalancer"]).default("ClusterIP"),
    nodePort: orNull(z.number().int().min(30000).max(32767)).describe("of serviceType NodePort; null: any"),
    endpoint: orNull(
      z
        .string()
        .regex(/^https?:\/\/[^\s/]+(\/[^\s]*)?$/, "must be a URL")
        .refine((url) => !/\/(v1\/?)?$/.test(url), "must end without a slash and without /v1"),
    ).describe("URL that applications use, without /v1; null: the Service's own address"),
    apiKeySecret: orNull(objectName).describe("Secret whose values are the accepted keys; null: no keys"),
    replicas: z.number().int().positive().default(1),
  })
  .prefault({});

const fields = z
  .strictObject({
    namespace: orNull(label).describe("null: tuneform-<stack>"),
    kubeconfig: orNull(z.string().min(1)).describe("path; null: KUBECONFIG, or ~/.kube/config"),
    context: orNull(z.string().min(1)).describe("of the kubeconfig; null: its current one"),
    trainerImage: image.describe("built from trainer-image/Containerfile"),
    serverImage: orNull(image).describe("vLLM's; needed where a fine-tune is served by it"),
    allowImageTags: z
      .boolean()
      .default(false)
      .describe("images without digest, for those that were loaded into a test cluster"),
    engine: orNull(z.enum(ENGINES)).describe("null: vllm with a GPU, else cpu; serve.engine overrides it"),
    gpu: orNull(z.enum(GPU_IDS)).describe("of the nodes, an id of the catalog; null: no GPUs"),
    nodeSelector: z
      .record(z.string(), z.string())
      .nullable()
      .default(null)
      .describe("of pods that train or serve; null: nvidia.com/gpu.present with a GPU, none without"),
    devicePlugin: z
      .enum(["present", "install"])
      .default("present")
      .describe("NVIDIA's: there already, or to be installed from manifests/"),
    devicePluginImage: orNull(image).describe("for devicePlugin: install; null: that of the manifest"),
    storageClass: orNull(objectName).describe(
      "of the workspace volume; needed without workspaceClaim; null on AWS: the stack's own",
    ),
    workspaceSize: size.default("50Gi").describe("of the workspace volume"),
    accessMode: z.enum(["ReadWriteOnce", "ReadWriteMany"]).default("ReadWriteOnce"),
    workspaceClaim: orNull(objectName).describe("a claim that is there already, instead of a new one"),
    mode: z
      .enum(["await", "detached"])
      .default("await")
      .describe("`up` waits for the verdict, or submits and the next `up` promotes"),
    backoffLimit: z.number().int().min(0).default(3).describe("pods of a Job that may fail"),
    queue: orNull(objectName).describe("Kueue's local queue"),
    priorityClass: orNull(objectName).describe("of training pods"),
    cpuRequest: cores.default("1").describe("cores of a training pod"),
    serverCpuRequest: cores.default("1").describe("cores of a server that runs without a GPU"),
    deadlineHours: orNull(z.number().positive()).describe("of a Job; null: from the plan's maximum"),
    gateway,
    tokenSecret: orNull(objectName).describe("Secret with key `token` for the hub; staging only"),
    hubEndpoint: orNull(hubUrl).describe(
      "URL of a mirror of the hub, for staging only; null: huggingface.co",
    ),
    apiServerCidr: z
      .string()
      .refine((text) => network.safeParse(text).success, "must be a network such as 10.0.0.1/32")
      .default(EVERYWHERE)
      .describe("where pods that train may reach the API server"),
    apiServerPorts: z
      .array(port)
      .min(1)
      .default([443, 6443])
      .describe("on which it listens behind its Service: 8443 on minikube, 16443 on MicroK8s"),
  })
  .superRefine(rules);

/** `tuneform:kubernetes` of a stack file: the cluster, and how its pods look. */
export const kubernetesSchema = fields.superRefine(classRule);
/** The same on AWS, where the stack makes a class of its own. */
export const kubernetesOnAwsSchema = fields;

/** Validated settings of a cluster, every default filled in. */
export type KubernetesSettings = z.infer<typeof kubernetesSchema>;

function isUrl(text: string): boolean {
  return URL.canParse(text) && hubPort(text) > 0;
}

/** Port at which the hub, or its mirror, is asked. */
export function hubPort(endpoint: string | null): number {
  if (endpoint === null) return 443;
  const { port, protocol } = new URL(endpoint);
  // A URL does not keep the usual port of its protocol.
  return port === "" ? ({ "https:": 443, "http:": 80 }[protocol] ?? 0) : Number(port);
}

/** What `rules` reads of settings whose single fields are all valid. */
interface Checked {
  trainerImage: string;
  serverImage: string | null;
  devicePluginImage: string | null;
  devicePlugin: string;
  allowImageTags: boolean;
  engine: Engine | null;
  gpu: keyof typeof GPUS | null;
  storageClass: string | null;
  workspaceClaim: string | null;
  gateway: { serviceType: string; nodePort: number | null };
}

function rules(settings: Checked, context: z.RefinementCtx): void {
  const issue = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: path.split("."), message });
  for (const key of ["trainerImage", "serverImage", "devicePluginImage"] as const)
    if (!settings.allowImageTags && settings[key] !== null && !settings[key].includes("@sha256:"))
      issue(
        key,
        `${settings[key]} has no digest, and a tag can move → add @sha256:…, or set allowImageTags: true for images that were loaded into a test cluster`,
      );
  if (settings.gpu !== null && !GPUS[settings.gpu].bf16)
    issue("gpu", `${settings.gpu} has no bf16, which training and serving on a GPU take`);
  if (settings.engine === "vllm" && settings.gpu === null)
    issue("engine", "vllm needs a GPU → set gpu to the id of the nodes' GPU, or engine: cpu");
  if (settings.devicePlugin === "install" && settings.gpu === null)
    issue("devicePlugin", "is for clusters with GPUs → set gpu, or devicePlugin: present");
  if (settings.gateway.nodePort !== null && settings.gateway.serviceType !== "NodePort")
    issue("gateway.nodePort", `is for serviceType NodePort, this is ${settings.gateway.serviceType}`);
}

function classRule({ storageClass, workspaceClaim }: Checked, context: z.RefinementCtx): void {
  if (storageClass === null && workspaceClaim === null)
    context.addIssue({
      code: "custom",
      path: ["storageClass"],
      message:
        "is missing: without a class a claim may wait for its pod for ever → one of `kubectl get storageclass`, or workspaceClaim",
    });
}
