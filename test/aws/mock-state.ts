/** Properties of a resource as JSON. */
export type Inputs = Record<string, unknown>;

const ACCOUNT = "111122223333";

export interface Made {
  id: string;
  state: Inputs;
}

const kindOf = (type: string): string => type.split(":").at(-1) ?? "";

/** ARN of a kind of resource: `arn:aws:eks:us-east-1:111122223333:cluster/name`. */
function arnOf(type: string, name: string): string {
  const [, service = ""] = type.split(/[:/]/);
  const region = service === "iam" ? "" : "us-east-1";
  return `arn:aws:${service}:${region}:${ACCOUNT}:${kindOf(type).toLowerCase()}/${name}`;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** What a cloud would add to the inputs, by type: as much as programs read. */
const STATES: Record<string, (name: string, inputs: Inputs) => { id?: string; more?: Inputs }> = {
  "aws:eks/cluster:Cluster": (_name, inputs) => ({
    id: String(inputs["name"]),
    more: {
      endpoint: "https://0123.gr7.us-east-1.eks.amazonaws.com",
      certificateAuthority: { data: "Q0VSVA==" },
    },
  }),
  "aws:eks/nodeGroup:NodeGroup": (name) => ({
    more: { resources: [{ autoscalingGroups: [{ name: `eks-${name}` }] }] },
  }),
  "aws:ec2/launchTemplate:LaunchTemplate": () => ({ more: { latestVersion: 1 } }),
  "aws:s3/bucket:Bucket": (_name, { bucket: given, bucketPrefix }) => {
    const bucket = textOf(given) ?? `${textOf(bucketPrefix) ?? ""}0001`;
    return { id: bucket, more: { bucket, arn: `arn:aws:s3:::${bucket}` } };
  },
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider": () => ({
    more: { arn: `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com` },
  }),
  "pulumi-nodejs:dynamic/tuneform:Staging": () => ({ more: { state: "complete", reason: "", exitCode: 0 } }),
  "pulumi-nodejs:dynamic/tuneform:Outcome": (name, inputs) => {
    const { name: fineTune, runId, rank } = inputs as { name: string; runId: string; rank: number };
    return {
      id: name,
      more: {
        state: "promoted",
        reason: "better",
        exitCode: 0,
        score: null,
        improvement: null,
        metric: null,
        serving: { modelId: `${fineTune}-${runId}`, runId, rank },
        previous: null,
      },
    };
  },
};

/** A resource as if it had been made: id, inputs, and what only the cloud knows. Ids say whose they are. */
export function mockState(type: string, name: string, inputs: Inputs): Made {
  const { id = `${name}-id`, more = {} } = STATES[type]?.(name, inputs) ?? {};
  return { id, state: { arn: arnOf(type, name), name, keyId: name, ...inputs, ...more } };
}

/** Kinds whose ids are hex digits behind a prefix, which the descriptions of AWS's calls look at. */
const PREFIXES: Record<string, string> = {
  Vpc: "vpc",
  Subnet: "subnet",
  SecurityGroup: "sg",
  FileSystem: "fs",
  LaunchTemplate: "lt",
};

/** The same with ids, and with ARNs, of the patterns that AWS's own have. */
export function stateLikeAws(type: string, name: string, inputs: Inputs): Made {
  const plain = name.replace(/[^\w-]/g, "-");
  const { id, state } = mockState(type, plain, inputs);
  const prefix = PREFIXES[kindOf(type)];
  const hex = Buffer.from(name).toString("hex").padEnd(17, "0").slice(0, 17);
  return {
    id: prefix === undefined ? id : `${prefix}-${hex}`,
    state: { ...state, keyId: "11111111-1111-1111-1111-111111111111" },
  };
}
