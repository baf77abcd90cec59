import { z } from "zod";
import { ADDONS, IN_AUTO_MODE } from "../catalog/addons.ts";
import { GPUS } from "../catalog/gpus.ts";
import { INSTANCES } from "../catalog/instances.ts";
import { nearest } from "./explain.ts";

const orNull = <T extends z.ZodType>(schema: T) => schema.nullable().default(null);
const count = () => z.number().int().positive();

const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must be a region such as us-east-1");
const zoneId = z.string().regex(/^[a-z]{3,}\d-az\d$/, "must be the id of a zone, such as use1-az2");
const vpcId = z.string().regex(/^vpc-[0-9a-f]{8,17}$/, "must be the id of a VPC");
const subnetId = z.string().regex(/^subnet-[0-9a-f]{8,17}$/, "must be the id of a subnet");
const roleArn = z
  .string()
  .regex(/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, "must be the ARN of an IAM role");
const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "must be the name of an S3 bucket");
const clusterName = z.string().regex(/^[a-zA-Z0-9][\w-]{0,99}$/, "must be the name of an EKS cluster");
const tag = z.string().regex(/^[\p{L}\p{N}\s_.:/=+\-@]{1,256}$/u, "must be the value of an AWS tag");
const pinnedImage = z
  .string()
  .regex(/^[\w.:/-]+@sha256:[0-9a-f]{64}$/, "must be an image with its digest: name@sha256:<64 hex digits>");

/** A network is made where `vpc` is not named. */
const network = z
  .strictObject({
    vpc: orNull(vpcId).describe("one that is there already; null: a new one"),
    privateSubnets: orNull(z.array(subnetId).min(2, "must name at least two, in different zones")).describe(
      "of `vpc`: nodes and mount targets",
    ),
    cidr: z.cidrv4().default("10.64.0.0/16").describe("of the VPC, also of one that is there already"),
    zones: z
      .array(zoneId)
      .min(2, "must name at least two")
      .max(3, "must name at most three")
      .default(["use1-az2", "use1-az4", "use1-az6"])
      .describe("of a new VPC, one private subnet each; not every zone has every GPU"),
    egress: z
      .enum(["nat", "endpoints"])
      .default("nat")
      .describe("of a new VPC: one NAT gateway, or endpoints of AWS services and no way out at all"),
  })
  .prefault({});

const LOG_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** A cluster is made where `existing` is not named. */
const cluster = z
  .strictObject({
    existing: orNull(clusterName).describe(
      "one that is there already, reached by tuneform:kubernetes.kubeconfig; null: a new one",
    ),
    version: z
      .string()
      .regex(/^1\.(3[0-9])$/, "must be a version such as 1.35")
      .default("1.35")
      .describe("of Kubernetes"),
    publicAccessCidrs: z
      .array(z.cidrv4())
      .default([])
      .describe("networks that may reach the API of a new cluster from outside; none: its VPC alone"),
    adminRoles: z
      .array(roleArn)
      .default([])
      .describe("roles that administer a new cluster: the one that runs `pulumi up` has to be among them"),
    systemInstance: z.string().default("m7i.large").describe("of the nodes for everything without a GPU"),
    systemNodes: count().default(2).describe("how many of them, all the time"),
    addons: z
      .record(
        z.string(),
        z.string().regex(/^v\d+\.\d+\.\d+-eksbuild\.\d+$/, "must be a version such as v1.21.1-eksbuild.3"),
      )
      .default({})
      .describe("versions of add-ons of a new cluster by name, instead of those of this release"),
    logDays: z
      .literal(LOG_DAYS, `must be one of ${LOG_DAYS.join(", ")}: CloudWatch keeps logs for no others`)
      .default(90)
      .describe("days that logs of the control plane are kept"),
    autoscalerImage: orNull(pinnedImage).describe(
      "of cluster-autoscaler, which starts GPU nodes from zero; null: the cluster has one",
    ),
  })
  .prefault({});

export const NODE_MAKERS = ["node-groups", "karpenter", "auto-mode"] as const;
export const AMI_FAMILIES = ["al2023", "bottlerocket"] as const;
export const PURCHASES = ["auto", "on-demand", "spot", "capacity-block"] as const;

const gpu = z
  .strictObject({
    nodes: z
      .enum(NODE_MAKERS)
      .default("node-groups")
      .describe("what makes GPU nodes: managed node groups, Karpenter, or EKS Auto Mode"),
    ami: z
      .enum(AMI_FAMILIES, "must be al2023 or bottlerocket: EKS makes no AL2 images since November 2025")
      .default("al2023")
      .describe("image family of GPU nodes"),
    releaseVersion: orNull(z.string().regex(/^[\w.-]+$/)).describe(
      "of the node image, for example 1.35.6-20260714; null: the newest as a group is made",
    ),
    instances: orNull(z.array(z.string()).min(1)).describe("types that may train; null: all of the catalog"),
    servingInstances: orNull(z.array(z.string()).min(1)).describe(
      "types that may serve; null: all of the catalog",
    ),
    purchase: z
      .enum(PURCHASES)
      .default("auto")
      .describe("of nodes that train; auto: the cheaper job. Nodes that serve are on demand"),
    capacityReservation: orNull(
      z.string().regex(/^cr-[0-9a-f]{8,17}$/, "must be the id of a reservation"),
    ).describe("of purchase: capacity-block"),
    capacityZone: orNull(zoneId).describe("of the reservation"),
    capacitySubnet: orNull(subnetId).describe("of network.privateSubnets, the one in that zone"),
    share: z
      .enum(["instance-type", "fine-tune"])
      .default("instance-type")
      .describe("fine-tunes that train on the same type share a pool, or each has its own"),
    rootGib: count()
      .min(200, "must be at least 200: images and caches of a GPU node")
      .default(200)
      .describe("GiB of a GPU node's encrypted root volume"),
    maxNodes: count().default(2).describe("of one pool"),
    scaleDown: orNull(
      z.string().regex(/^(\S+ ){4}\S+$/, "must be a cron expression of five fields"),
    ).describe("when training pools are set to zero, UTC, for example `0 20 * * *`; null: never"),
  })
  .prefault({});

const storage = z
  .strictObject({
    bucket: orNull(bucketName).describe(
      "of datasets, published adapters and their registry; null: a new one",
    ),
    bases: z
      .enum(["volume", "bucket"])
      .default("volume")
      .describe(
        "where a base of `{folder: …}` lies: copied to the workspace volume, or below models/ of the bucket, where pods read it",
      ),
  })
  .prefault({});

const budget = z.strictObject({
  monthlyUsd: z.number().positive().describe("US dollars a month, of each fine-tune"),
  emails: z.array(z.email()).min(1).max(10).describe("who is told at 80 and 100 %"),
});

/** `tuneform:aws` of a stack file: what AWS is asked for. */
export const awsSchema = z
  .strictObject({
    region: region.default("us-east-1").describe("of everything that is made"),
    name: orNull(
      z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "must be at most 31 letters, digits, hyphens"),
    ).describe("begins the names of everything; null: tuneform-<stack>"),
    network,
    cluster,
    gpu,
    storage,
    costCentre: orNull(tag).describe("tag cost-center of everything"),
    expiresAt: orNull(z.iso.date()).describe("tag expires-at of everything"),
    budget: orNull(budget),
  })
  .superRefine(rules);

/** Validated settings of AWS, every default filled in. */
export type AwsSettings = z.infer<typeof awsSchema>;

/** What `rules` reads. */
type Checked = Pick<AwsSettings, "region" | "network" | "cluster" | "gpu">;

function rules({ region, network, cluster, gpu }: Checked, context: z.RefinementCtx): void {
  const issue: Issue = (path, message) =>
    context.addIssue({ code: "custom", path: path.split("."), message });
  if ((network.vpc === null) !== (network.privateSubnets === null))
    issue(
      network.vpc === null ? "network.vpc" : "network.privateSubnets",
      "is missing: vpc and privateSubnets of a network that is there already belong together",
    );
  if (cluster.existing !== null && network.vpc === null)
    issue("network.vpc", `is missing: name the VPC of cluster ${cluster.existing}, and its private subnets`);
  if (
    region !== "us-east-1" &&
    network.vpc === null &&
    network.zones.some((zone) => zone.startsWith("use1-"))
  )
    issue("network.zones", `are zones of us-east-1, this is ${region} → zone ids of ${region}`);
  const prefix = Number(network.cidr.split("/")[1]);
  if (network.vpc === null && (prefix < 16 || prefix > 20))
    issue("network.cidr", `/${prefix} is not divided into subnets of a new VPC → /16 to /20`);
  if (cluster.existing === null && cluster.publicAccessCidrs.includes("0.0.0.0/0"))
    issue("cluster.publicAccessCidrs", "0.0.0.0/0 lets everyone try → the networks that need it");
  if (cluster.existing === null && cluster.adminRoles.length === 0)
    issue("cluster.adminRoles", "is missing: without one nobody, and no update, could enter the new cluster");
  if (cluster.existing === null && gpu.nodes === "node-groups" && cluster.autoscalerImage === null)
    issue(
      "cluster.autoscalerImage",
      "is missing: without cluster-autoscaler no GPU node of a node group would ever start from zero",
    );
  addonRules({ cluster, gpu }, issue);
  const isBlock = gpu.purchase === "capacity-block";
  for (const key of ["capacityReservation", "capacityZone"] as const)
    if (isBlock !== (gpu[key] !== null))
      issue(
        `gpu.${key}`,
        isBlock ? "is missing, and purchase: capacity-block needs it" : "is for purchase: capacity-block",
      );
  if (isBlock && gpu.nodes !== "node-groups")
    issue("gpu.nodes", `${gpu.nodes} takes no capacity block here → node-groups`);
  if (isBlock) blockPlaceRules({ network, gpu }, issue);
  imageRules({ cluster, gpu }, issue);
  gpu.instances?.forEach((type, index) => instanceRules(type, `gpu.instances.${index}`, isBlock, issue));
  gpu.servingInstances?.forEach((type, index) =>
    instanceRules(type, `gpu.servingInstances.${index}`, false, issue),
  );
  if (isBlock && gpu.instances?.length !== 1)
    issue("gpu.instances", "must name the one type that the capacity block holds");
}

type Issue = (path: string, message: string) => void;

/** A version that nothing would read is refused: who wrote it believes that the cluster has it. */
function addonRules({ cluster, gpu }: Pick<Checked, "cluster" | "gpu">, issue: Issue): void {
  const isAuto = gpu.nodes === "auto-mode";
  const names = ADDONS.map(({ name }) => name).filter((name) => !isAuto || !IN_AUTO_MODE.has(name));
  for (const name of Object.keys(cluster.addons)) {
    const path = `cluster.addons.${name}`;
    const near = nearest(name, names);
    if (cluster.existing !== null)
      issue(path, `is an add-on of cluster ${cluster.existing}, which brings its own → remove it`);
    else if (isAuto && IN_AUTO_MODE.has(name))
      issue(path, "is brought by EKS Auto Mode itself, in its own version → remove it, or another gpu.nodes");
    else if (!names.includes(name))
      issue(
        path,
        `is no add-on that the stack makes → ${near === undefined ? "" : `did you mean ${near}? `}one of ${names.join(", ")}`,
      );
  }
}

/** `1.35.6-20260714` of EKS's AL2023 images, `1.47.0-6154605b` of Bottlerocket's, which is no version of Kubernetes. */
const RELEASES = { al2023: /^\d+\.\d+\.\d+-\d{8}$/, bottlerocket: /^\d+\.\d+\.\d+-[0-9a-f]{8}$/ };

function imageRules({ cluster, gpu }: Pick<Checked, "cluster" | "gpu">, issue: Issue): void {
  const { nodes, ami, releaseVersion } = gpu;
  if (nodes === "auto-mode") {
    if (ami !== "al2023") issue("gpu.ami", "is chosen by EKS Auto Mode itself");
    if (releaseVersion !== null) issue("gpu.releaseVersion", "is chosen by EKS Auto Mode itself");
    return;
  }
  if (releaseVersion === null) return;
  if (!RELEASES[ami].test(releaseVersion))
    issue("gpu.releaseVersion", `${releaseVersion} is no release of ${ami}: ${RELEASE_EXAMPLES[ami]} is one`);
  else if (ami === "al2023" && !releaseVersion.startsWith(`${cluster.version}.`))
    issue("gpu.releaseVersion", `${releaseVersion} is not of Kubernetes ${cluster.version}`);
}

const RELEASE_EXAMPLES = { al2023: "1.35.6-20260714", bottlerocket: "1.47.0-6154605b" } as const;

/** A block is in one zone: a new network has a subnet there, and only people know which one of theirs it is. */
function blockPlaceRules(
  { network, gpu }: Pick<Checked, "network" | "gpu">,
  issue: (path: string, message: string) => void,
): void {
  const { capacityZone, capacitySubnet } = gpu;
  if (network.vpc === null) {
    if (capacitySubnet !== null) issue("gpu.capacitySubnet", "is for a network that is there already");
    if (capacityZone !== null && !network.zones.includes(capacityZone))
      issue("gpu.capacityZone", `${capacityZone} is none of network.zones, so nothing could start there`);
  } else if (capacitySubnet === null)
    issue("gpu.capacitySubnet", `is missing: the one of network.privateSubnets that is in the block's zone`);
  else if (!(network.privateSubnets?.includes(capacitySubnet) ?? false))
    issue("gpu.capacitySubnet", `${capacitySubnet} is none of network.privateSubnets`);
}

function instanceRules(type: string, path: string, isBlock: boolean, issue: Issue): void {
  const instance = INSTANCES.find((each) => each.type === type);
  if (instance === undefined) return issue(path, `${type} is not in the catalog of GPU instances`);
  if (!instance.stockAmi) return issue(path, `${type} needs a newer driver than the EKS images have`);
  if (!GPUS[instance.gpu].bf16)
    return issue(path, `${type} has no bf16 (${GPUS[instance.gpu].name}), which training and serving take`);
  if (instance.arch !== "amd64") return issue(path, `${type} is ARM, the trainer image is for x86-64`);
  if (instance.count > 1) return issue(path, `${type} has ${instance.count} GPUs, a Job takes one`);
  if (isBlock && !instance.capacityBlocks) issue(path, `${type} has no capacity blocks`);
}
