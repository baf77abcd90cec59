import { NODE_IMAGES } from "../aws/node-images.ts";
import type { Instance } from "../catalog/instances.ts";
import type { AwsSettings } from "../spec/aws.ts";
import { dnsName, dnsNameOf } from "./dns-name.ts";
import type { GpuPool } from "./gpu-pools.ts";

/** A fine-tune as AWS sees it: who pays, and for what. */
export interface AwsFineTune {
  name: string;
  owner: string;
  /** Keys of its `s3` sources inside the bucket. */
  dataKeys: string[];
}

/** A server whose pods read the bucket. */
export interface AwsServer {
  /** Of the server; names its service account. */
  key: string;
  /** Whose adapters it serves from there. */
  adaptersOf: string[];
  /** Folder of its base's weights; null where they lie on the workspace volume. */
  baseKey: string | null;
}

/** Everything that AWS is asked for, with nothing left open but what AWS itself answers. */
export interface AwsPlan extends Omit<AwsSettings, "name"> {
  /** Begins the names of everything: `tuneform-<stack>`. */
  name: string;
  /** Of the stack's pods. */
  namespace: string;
  /** Of everything; a fine-tune's own things carry `finetune` and `owner` besides. */
  tags: Record<string, string>;
  fineTunes: AwsFineTune[];
  /** Those that read the bucket. */
  servers: AwsServer[];
  pools: GpuPool[];
  /** Name of the pool by name of the fine-tune, and by key of the server. Absent: the system nodes. */
  poolOf: { training: Record<string, string>; serving: Record<string, string> };
  /** NVIDIA's device plugin is the stack's to install: EKS's AL2023 images lack it, the others have it. */
  installsDevicePlugin: boolean;
}

/** Storage classes that a stack makes. They belong to the cluster, so their names say whose they are; docs/aws.md. */
export const storageClassNames = ({ namespace }: Pick<AwsPlan, "namespace">) => ({
  efs: dnsName(namespace, "efs"),
  gp3: dnsName(namespace, "gp3"),
});
/** Claim of the bucket in the stack's namespace. */
export const BUCKET_CLAIM = "bucket";
/** Volumes belong to the cluster too. */
export const bucketVolumeName = ({ namespace }: Pick<AwsPlan, "namespace">): string =>
  dnsName(namespace, "bucket");
/** Folders of the bucket: data and bases that people put there, and what runs publish. */
export const PREFIXES = {
  datasets: "datasets",
  models: "models",
  adapters: "adapters",
  registry: "registry",
} as const;

/** What AWS adds to it has to fit into names of 63 characters and fewer. */
const MOST_OF_NAME = 31;

export interface AwsPlanParts {
  stack: string;
  namespace: string;
  settings: AwsSettings;
  fineTunes: AwsFineTune[];
  servers: AwsServer[];
  pools: GpuPool[];
  poolOf: AwsPlan["poolOf"];
}

/** Resolve the settings of a stack on AWS. */
export function planAws({ stack, namespace, settings, ...planned }: AwsPlanParts): AwsPlan {
  const { costCentre, expiresAt, gpu } = settings;
  return {
    ...settings,
    name: settings.name ?? dnsNameOf(MOST_OF_NAME, ["tuneform", stack]),
    namespace,
    tags: {
      project: "tuneform",
      "tuneform-stack": stack,
      ...(costCentre === null ? {} : { "cost-center": costCentre }),
      ...(expiresAt === null ? {} : { "expires-at": expiresAt }),
    },
    ...planned,
    installsDevicePlugin:
      gpu.nodes !== "auto-mode" && !NODE_IMAGES[gpu.ami].hasDevicePlugin && planned.pools.length > 0,
  };
}

/** US dollars an hour of one node, on demand; null where there is no such price. */
export const usdPerHour = ({ instances: [planned] }: GpuPool): Instance["usdPerHour"] =>
  planned?.usdPerHour ?? null;

/** Name of the EKS cluster: one that is there, or the stack's own. */
export const clusterName = ({ cluster, name }: AwsPlan): string => cluster.existing ?? name;
