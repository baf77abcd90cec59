import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import type { EksCluster } from "../../components/aws/cluster.ts";
import { Identity } from "../../components/aws/identity.ts";
import type { Storage } from "../../components/aws/storage.ts";
import { podTrust, type PolicyDocument } from "../../core/aws/policies.ts";
import { serverPolicy } from "../../core/aws/server-policy.ts";
import { trainerPolicy } from "../../core/aws/trainer-policy.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import { awsExample, EXISTING } from "./aws-example.ts";
import { declaredBy, reading, type Program } from "./declared.ts";
import { ACCOUNT, decision, type Request } from "./iam.ts";
import { lookingUp, mounting, reading as readingOf, writing } from "./mountpoint.ts";

const BUCKET = "acme-models";
const bucketArn = `arn:aws:s3:::${BUCKET}`;
const DATA = "datasets/mail/2026/triage.jsonl";
const ENTRY = "registry/triage/0123456789ab.json";
const WEIGHTS = "models/0123456789ab/model.safetensors";
const triage = { name: "triage", owner: "mail", dataKeys: [DATA] };
const onVolume = { bases: "volume" } as const;

describe("the role of a fine-tune's Job", () => {
  const policy = trainerPolicy(BUCKET, triage, onVolume);
  const may = async (request: Request) => (await decision(request, { identity: policy })) === "Allowed";
  const file = "adapters/triage/0123456789ab/adapter/adapter_model.safetensors";

  it.each([
    ["mounts the bucket", mounting(bucketArn)],
    [
      "finds and reads its data, in whatever folder",
      [...lookingUp(bucketArn, DATA), readingOf(bucketArn, DATA)],
    ],
    [
      "writes its adapters, and reads whether they are whole",
      [...writing(bucketArn, file), readingOf(bucketArn, file)],
    ],
    [
      "writes its entries of the registry, and reads whether they are there",
      [...writing(bucketArn, ENTRY), readingOf(bucketArn, ENTRY)],
    ],
  ])("%s, by what Mountpoint asks for", async (_what, requests) => {
    for (const request of requests) expect([request, await may(request)]).toEqual([request, true]);
  });

  it("would not get as far as its data without the folders on the way", async () => {
    const narrow: PolicyDocument = {
      ...policy,
      Statement: policy.Statement.map((statement) =>
        statement.Sid === "LookUpAndRead" ? { ...statement, Resource: `${bucketArn}/${DATA}` } : statement,
      ),
    };
    const refused = [];
    for (const request of lookingUp(bucketArn, DATA))
      if ((await decision(request, { identity: narrow })) !== "Allowed") refused.push(request.resource);
    expect(refused).toEqual(
      ["datasets", "datasets/mail", "datasets/mail/2026"].map((key) => `${bucketArn}/${key}`),
    );
  });

  const object = (action: string, key: string) => ({ action, resource: `${bucketArn}/${key}` });
  it.each([
    ["data of another fine-tune", object("s3:GetObject", "datasets/mail/2026/routing.jsonl")],
    ["data whose name begins like its own", object("s3:GetObject", `${DATA}.bak`)],
    ["what lies below its own data's name", object("s3:GetObject", `${DATA}/more`)],
    ["another fine-tune's adapters", object("s3:GetObject", "adapters/routing/0123456789ab/published.json")],
    [
      "adapters of a name that begins like its own",
      object("s3:GetObject", "adapters/triage-2/x/published.json"),
    ],
    ["another fine-tune's entries of the registry", object("s3:GetObject", "registry/routing/x.json")],
    ["a base, where bases lie on the volume", object("s3:GetObject", WEIGHTS)],
    ["anything else in the bucket", object("s3:GetObject", "invoices/2026.csv")],
    [
      "the same keys of another bucket",
      { action: "s3:GetObject", resource: `arn:aws:s3:::acme-other/${DATA}` },
    ],
  ])("cannot read %s", async (_what, request) => expect(await may(request)).toBe(false));

  it.each([
    ["replace its data", object("s3:PutObject", DATA)],
    [
      "write another fine-tune's adapters",
      object("s3:PutObject", "adapters/routing/0123456789ab/published.json"),
    ],
    ["write another fine-tune's entries", object("s3:PutObject", "registry/routing/0123456789ab.json")],
    ["write beside the folders", object("s3:PutObject", "adapters/triage")],
    ["delete its entries", object("s3:DeleteObject", ENTRY)],
    ["delete its adapters", object("s3:DeleteObject", file)],
    ["delete former versions", object("s3:DeleteObjectVersion", file)],
    ["open an object to others", object("s3:PutObjectAcl", file)],
    ["change who may use the bucket", { action: "s3:PutBucketPolicy", resource: bucketArn }],
    ["list other buckets", { action: "s3:ListBucket", resource: "arn:aws:s3:::acme-other" }],
  ])("cannot %s", async (_what, request) => expect(await may(request)).toBe(false));

  it("has no right to data where the fine-tune has none in the bucket", async () => {
    const identity = trainerPolicy(BUCKET, { ...triage, dataKeys: [] }, onVolume);
    expect(JSON.stringify(identity)).not.toContain("datasets");
    expect(await decision(object("s3:GetObject", DATA), { identity })).toBe("ImplicitlyDenied");
  });

  it("reads bases where they lie in the bucket, also a former one that the gate scores on, and writes none", async () => {
    const identity = trainerPolicy(BUCKET, triage, { bases: "bucket" });
    for (const request of [...lookingUp(bucketArn, WEIGHTS), readingOf(bucketArn, WEIGHTS)])
      expect([request, await decision(request, { identity })]).toEqual([request, "Allowed"]);
    for (const action of ["s3:PutObject", "s3:DeleteObject"])
      expect(await decision(object(action, WEIGHTS), { identity })).toBe("ImplicitlyDenied");
  });
});

describe("who takes the role", () => {
  const account = { cluster: "shared", namespace: "tuneform-test", serviceAccount: "train-triage" };
  const tags = {
    "aws:RequestTag/eks-cluster-name": "shared",
    "aws:RequestTag/kubernetes-namespace": "tuneform-test",
    "aws:RequestTag/kubernetes-service-account": "train-triage",
  };
  const role = `arn:aws:iam::${ACCOUNT}:role/tuneform-train-triage`;
  const gets = async (context: Record<string, string>, principal = "pods.eks.amazonaws.com") => {
    const request = { action: "sts:AssumeRole", resource: role, context, principal };
    return (await decision(request, { resource: podTrust(account) })) === "Allowed";
  };

  it("is EKS, for pods of the one service account", async () => expect(await gets(tags)).toBe(true));

  it.each(Object.keys(tags))("is no pod with another %s", async (tag) => {
    expect(await gets({ ...tags, [tag]: "other" })).toBe(false);
  });

  it("is no session without tags, and no other service", async () => {
    expect(await gets({})).toBe(false);
    expect(await gets(tags, "ec2.amazonaws.com")).toBe(false);
  });
});

describe("identity of a stack", () => {
  const plan: AwsPlan = {
    ...awsExample(EXISTING),
    fineTunes: [triage, { name: "routing", owner: "", dataKeys: [] }],
    servers: [{ key: "mine-vllm", adaptersOf: ["triage", "routing"], baseKey: null }],
  };
  let program: Program<Identity>;
  beforeAll(async () => {
    program = await declaredBy(() => {
      const cluster = { clusterName: pulumi.output("shared"), ready: [] } as unknown as EksCluster;
      const storage = { bucket: pulumi.output(BUCKET) } as unknown as Storage;
      return new Identity("test", { plan, cluster, storage });
    });
  });
  const { kind, one, after } = reading(() => program);

  it.each(["triage", "routing"])("has a role for %s, bound to the service account of its Job", (name) => {
    const { inputs } = one(`PodIdentityAssociation/train-${name}`);
    const account = { clusterName: "shared", namespace: "tuneform-test", serviceAccount: `train-${name}` };
    expect(inputs).toMatchObject({ ...account, roleArn: `arn:aws:iam::${ACCOUNT}:role/train-${name}` });
    expect(kind("PodIdentityAssociation")).toHaveLength(plan.fineTunes.length + plan.servers.length);
  });

  it("gives each role the rights of its own fine-tune, for its own account alone", () => {
    for (const fineTune of plan.fineTunes) {
      const { inputs } = one(`RolePolicy/train-${fineTune.name}`);
      expect(JSON.parse(inputs["policy"] as string)).toEqual(trainerPolicy(BUCKET, fineTune, plan.storage));
      const trust = one(`Role/train-${fineTune.name}`).inputs["assumeRolePolicy"] as string;
      expect(JSON.parse(trust)).toEqual(
        podTrust({ cluster: "shared", namespace: "tuneform-test", serviceAccount: `train-${fineTune.name}` }),
      );
    }
  });

  it("has a role for each server that reads the bucket, with the rights of that server, for its own account alone", () => {
    const account = { cluster: "shared", namespace: "tuneform-test", serviceAccount: "server-mine-vllm" };
    const { inputs } = one("PodIdentityAssociation/serve-mine-vllm");
    expect(inputs).toMatchObject({
      clusterName: "shared",
      namespace: "tuneform-test",
      serviceAccount: "server-mine-vllm",
      roleArn: `arn:aws:iam::${ACCOUNT}:role/serve-mine-vllm`,
      tags: plan.tags,
    });
    const policy = one("RolePolicy/serve-mine-vllm").inputs["policy"] as string;
    expect(JSON.parse(policy)).toEqual(serverPolicy(BUCKET, plan.servers[0]!));
    const trust = one("Role/serve-mine-vllm").inputs["assumeRolePolicy"] as string;
    expect(JSON.parse(trust)).toEqual(podTrust(account));
    expect(after("PodIdentityAssociation/serve-mine-vllm", "RolePolicy/serve-mine-vllm")).toBe(true);
  });

  it("binds a role once it has its rights, so that no pod starts without them", () => {
    expect(after("PodIdentityAssociation/train-triage", "RolePolicy/train-triage")).toBe(true);
  });

  it("says whose each is, and leaves the owner out where there is none", () => {
    expect(one("Role/train-triage").inputs["tags"]).toEqual({
      ...plan.tags,
      finetune: "triage",
      owner: "mail",
    });
    expect(one("Role/train-routing").inputs["tags"]).toEqual({ ...plan.tags, finetune: "routing" });
  });

  it("asks AWS nothing", () => expect(program.calls).toEqual([]));
});
