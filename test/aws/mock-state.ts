/** Properties of a resource as JSON. */
export type Inputs = Record<string, unknown>;

export const ACCOUNT = "111122223333";

interface Made {
  id: string;
  state: Inputs;
}

/** What a cloud would add to the inputs, by type: as much as the program reads. */
const STATES: Record<string, (name: string, inputs: Inputs) => { id?: string; more?: Inputs }> = {
  "aws:eks/cluster:Cluster": (name, inputs) => ({
    id: String(inputs["name"]),
    more: {
      arn: arn("eks", `cluster/${name}`),
      endpoint: "https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com",
      certificateAuthority: { data: "Y2VydGlmaWNhdGU=" },
    },
  }),
  "aws:eks/nodeGroup:NodeGroup": (name) => ({
    more: {
      arn: arn("eks", `nodegroup/${name}`),
      resources: [
        { autoscalingGroups: [{ name: `eks-${name}` }], remoteAccessSecurityGroupId: "sg-0123456789abcdef0" },
      ],
    },
  }),
  "aws:ec2/launchTemplate:LaunchTemplate": () => ({ id: "lt-0123456789abcdef0", more: { latestVersion: 1 } }),
  "aws:iam/role:Role": (name, inputs) => {
    const made = `${(inputs["namePrefix"] as string | undefined) ?? name}-0001`;
    return { id: made, more: { name: made, arn: `arn:aws:iam::${ACCOUNT}:role/${made}` } };
  },
  "aws:s3/bucket:Bucket": (_name, inputs) => {
    const bucket = `${String(inputs["bucketPrefix"])}0001`;
    return { id: bucket, more: { bucket, arn: `arn:aws:s3:::${bucket}` } };
  },
  "aws:efs/fileSystem:FileSystem": () => ({ id: "fs-0123456789abcdef0" }),
  "aws:ec2/vpc:Vpc": () => ({ id: "vpc-0123456789abcdef0" }),
  "aws:ec2/subnet:Subnet": (name) => ({ id: `subnet-${name}` }),
  "aws:kms/key:Key": (name) => ({ more: { arn: arn("kms", `key/${name}`), keyId: name } }),
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

const arn = (service: string, rest: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${rest}`;

/** A resource as if it had been made: id, inputs, and what only the cloud knows. */
export function mockState(type: string, name: string, inputs: Inputs): Made {
  const { id = `${name}-id`, more = {} } = STATES[type]?.(name, inputs) ?? {};
  return { id, state: { arn: arn("mock", `${type}/${name}`), ...inputs, ...more } };
}
