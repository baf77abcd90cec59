import * as pulumi from "@pulumi/pulumi";

/** A resource of AWS as the program declares it. */
export interface Declared {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
}

const ACCOUNT = "111122223333";

const textsOf = (value: unknown): string[] => (typeof value === "string" ? [value] : []);

/** What AWS would answer of a resource, as far as other resources take it as an input. */
function answerOf(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  const [, service = ""] = type.split(/[:/]/);
  const kind = (type.split(":").at(-1) ?? "").toLowerCase();
  const short = name.replace(/[^\w-]/g, "-");
  const begun = ["namePrefix", "nodeGroupNamePrefix", "bucketPrefix"].flatMap((key) => textsOf(inputs[key]));
  const [given] = [...textsOf(inputs["name"]), ...textsOf(inputs["bucket"])];
  const called = given ?? `${begun[0] ?? `${short}-`}0a1b2c3`;
  const answers: Record<string, Record<string, unknown>> = {
    "aws:s3/bucket:Bucket": { arn: `arn:aws:s3:::${called}`, bucket: called },
    "aws:eks/cluster:Cluster": {
      endpoint: "https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com",
      certificateAuthority: { data: "Y2VydGlmaWNhdGU=" },
    },
    "aws:eks/nodeGroup:NodeGroup": { resources: [{ autoscalingGroups: [{ name: `eks-${short}` }] }] },
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
      arn: `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`,
    },
    "aws:ec2/launchTemplate:LaunchTemplate": { latestVersion: 1 },
  };
  return {
    arn: `arn:aws:${service}:${service === "iam" ? "" : "us-east-1"}:${ACCOUNT}:${kind}/${short}`,
    name: called,
    keyId: "11111111-1111-1111-1111-111111111111",
    ...inputs,
    ...answers[type],
  };
}

/** Ids by the pattern of their kind, since the models of calls look at them. */
function idOf(type: string, name: string, state: Record<string, unknown>): string {
  const hex = Buffer.from(name).toString("hex").padEnd(17, "0").slice(0, 17);
  const prefixes: Record<string, string> = {
    Vpc: "vpc",
    Subnet: "subnet",
    SecurityGroup: "sg",
    FileSystem: "fs",
    LaunchTemplate: "lt",
  };
  const kind = type.split(":").at(-1) ?? "";
  if (kind === "Bucket") return String(state["bucket"]);
  return `${prefixes[kind] ?? "id"}-${hex}`;
}

/** AWS's resources that a program declares, with their inputs. It calls nothing. */
export async function collectInputs(stack: string, program: () => Promise<unknown>): Promise<Declared[]> {
  const declared: Declared[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs: given }) {
        const inputs = given as Record<string, unknown>;
        if (type.startsWith("aws:")) declared.push({ type, name, inputs });
        const state = answerOf(type, name, inputs);
        return { id: idOf(type, name, state), state };
      },
      call: ({ token }) => {
        throw new Error(`the program asks ${token}, and nothing may be asked before it is up`);
      },
    },
    "tuneform",
    stack,
    true, // a preview: nothing waits for what a run would write
  );
  await program();
  // What nothing waits for is still on its way.
  await pulumi.runtime.disconnect();
  return declared;
}
