import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import type { Network } from "../../components/aws/network.ts";
import { Storage } from "../../components/aws/storage.ts";
import { bucketPolicy } from "../../core/aws/bucket.ts";
import { bucketVolume } from "../../core/aws/bucket-volume.ts";
import { storageClasses } from "../../core/aws/storage-classes.ts";
import { BUCKET_CLAIM, storageClassNames, type AwsPlan } from "../../core/plan/aws-plan.ts";
import { awsExample } from "./aws-example.ts";
import { declaredBy, reading, type Declared, type Program } from "./declared.ts";
import { decision } from "./iam.ts";

const network = {
  vpcId: pulumi.output("vpc-1"),
  privateSubnetIds: ["subnet-1", "subnet-2"].map((id) => pulumi.output(id)),
} as unknown as Network;

const declare = (plan: AwsPlan) => declaredBy(() => new Storage("test", { plan, network }));

describe("storage of a stack", () => {
  const plan = awsExample();
  let program: Program<Storage>;
  beforeAll(async () => {
    program = await declare(plan);
  });
  const { kind, one, ready } = reading(() => program);

  it("is a bucket of a name that AWS makes unique, and that keeps former versions for a while", () => {
    expect(one("Bucket/bucket").inputs).toEqual({ bucketPrefix: `${plan.name}-`, tags: plan.tags });
    expect(one("BucketVersioning/bucket").inputs).toMatchObject({
      versioningConfiguration: { status: "Enabled" },
    });
    expect(one("BucketLifecycleConfiguration/bucket").inputs["rules"]).toEqual([
      {
        id: "former-versions",
        status: "Enabled",
        filter: { prefix: "" },
        noncurrentVersionExpiration: { noncurrentDays: 90 },
        abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
      },
    ]);
  });

  it("never lets a current object expire: datasets and adapters are kept", () => {
    const [rule] = one("BucketLifecycleConfiguration/bucket").inputs["rules"] as object[];
    expect(rule).not.toHaveProperty("expiration");
    expect(rule).not.toHaveProperty("transitions");
  });

  it("is closed and encrypted, and has no access lists", () => {
    expect(one("BucketPublicAccessBlock/bucket").inputs).toMatchObject({
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    expect(one("BucketOwnershipControls/bucket").inputs).toMatchObject({
      rule: { objectOwnership: "BucketOwnerEnforced" },
    });
    expect(one("BucketServerSideEncryptionConfiguration/bucket").inputs).toMatchObject({
      rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
    });
  });

  it("protects what holds data, and all that keeps the bucket closed", () => {
    const isKept = ({ key }: Declared) => key.startsWith("Bucket") || key.startsWith("FileSystem/");
    const kept = program.resources.filter(isKept);
    expect(kept.map(({ key }) => key.split("/")[0])).toEqual(
      expect.arrayContaining([
        "Bucket",
        "BucketPolicy",
        "BucketPublicAccessBlock",
        "BucketVersioning",
        "FileSystem",
      ]),
    );
    expect(kept.filter((each) => !each.protect)).toEqual([]);
  });

  it("has a file system of workspaces that every private subnet reaches", async () => {
    expect(one("FileSystem/workspaces").inputs).toMatchObject({ encrypted: true, throughputMode: "elastic" });
    expect(one("BackupPolicy/workspaces").inputs).toMatchObject({ backupPolicy: { status: "ENABLED" } });
    expect(kind("MountTarget").map(({ inputs }) => inputs)).toEqual(
      ["subnet-1", "subnet-2"].map((subnetId) => ({
        fileSystemId: "workspaces-id",
        subnetId,
        securityGroups: ["workspaces-id"],
      })),
    );
    expect(await ready()).toEqual(
      expect.arrayContaining(["MountTarget/workspaces-0", "MountTarget/workspaces-1"]),
    );
  });

  it("is reached by NFS from inside the VPC, and by nothing else", () => {
    expect(one("SecurityGroup/workspaces").inputs).toMatchObject({ vpcId: "vpc-1" });
    expect(one("SecurityGroup/workspaces").inputs).not.toHaveProperty("ingress");
    expect(kind("SecurityGroupIngressRule").map(({ inputs }) => inputs)).toEqual([
      {
        securityGroupId: "workspaces-id",
        cidrIpv4: plan.network.cidr,
        ipProtocol: "tcp",
        fromPort: 2049,
        toPort: 2049,
        tags: plan.tags,
      },
    ]);
  });

  it("asks AWS nothing", () => expect(program.calls).toEqual([]));

  it("makes no bucket where the stack names one, and changes nothing about that one", async () => {
    const named = await declare({ ...plan, storage: { ...plan.storage, bucket: "acme-models" } });
    expect(named.resources.filter(({ key }) => key.startsWith("Bucket"))).toEqual([]);
    expect(named.resources.some(({ key }) => key === "FileSystem/workspaces")).toBe(true);
  });
});

describe("the bucket's policy", () => {
  const arn = "arn:aws:s3:::acme-models";
  const everything = {
    Version: "2012-10-17" as const,
    Statement: [{ Effect: "Allow" as const, Action: "s3:*", Resource: "*" }],
  };
  const asked = (action: string, resource: string, isSecure: string) =>
    decision(
      { action, resource, context: { "aws:SecureTransport": isSecure } },
      { identity: everything, resource: bucketPolicy(arn) },
    );

  it.each([
    ["s3:GetObject", `${arn}/datasets/mail.jsonl`],
    ["s3:PutObject", `${arn}/adapters/triage/x`],
    ["s3:ListBucket", arn],
  ])("refuses %s without TLS, whatever else allows it", async (action, resource) => {
    expect(await asked(action, resource, "false")).toBe("ExplicitlyDenied");
    expect(await asked(action, resource, "true")).toBe("Allowed");
  });

  it("allows nobody anything by itself", async () => {
    const request = { action: "s3:GetObject", resource: `${arn}/datasets/mail.jsonl` };
    expect(await decision(request, { resource: bucketPolicy(arn) })).toBe("ImplicitlyDenied");
  });
});

describe("volumes in the cluster", () => {
  it("are made of classes with the names that the planner gives to claims", () => {
    const plan = awsExample();
    const [efs, gp3] = storageClasses(plan, "fs-1");
    expect(efs?.metadata.name).toBe(storageClassNames(plan).efs);
    expect(efs).toMatchObject({
      provisioner: "efs.csi.aws.com",
      parameters: {
        provisioningMode: "efs-ap",
        fileSystemId: "fs-1",
        directoryPerms: "700",
        uid: "10001",
        gid: "10001",
      },
      reclaimPolicy: "Retain",
    });
    expect(gp3?.metadata.name).toBe(storageClassNames(plan).gp3);
    expect(gp3).toMatchObject({
      parameters: { type: "gp3", encrypted: "true" },
      // Before its pod is placed nobody knows the zone.
      volumeBindingMode: "WaitForFirstConsumer",
    });
  });

  it("have the bucket among them, with each pod's own role, as the user of the trainer image", () => {
    const plan = awsExample();
    const { spec } = bucketVolume(plan, "acme-models");
    expect(spec).toMatchObject({
      storageClassName: "",
      persistentVolumeReclaimPolicy: "Retain",
      claimRef: { namespace: plan.namespace, name: BUCKET_CLAIM },
      csi: {
        driver: "s3.csi.aws.com",
        volumeAttributes: { bucketName: "acme-models", authenticationSource: "pod" },
      },
    });
    const { mountOptions } = spec as { mountOptions: string[] };
    expect(mountOptions).toEqual(
      expect.arrayContaining([`region ${plan.region}`, "uid=10001", "gid=10001", "allow-other"]),
    );
    const other = bucketVolume({ ...plan, namespace: "tuneform-other" }, "acme-models");
    expect(other.metadata.name).not.toBe(bucketVolume(plan, "acme-models").metadata.name);
  });

  it("never have the right to delete in it", () => {
    const { mountOptions } = bucketVolume(awsExample(), "acme-models").spec as { mountOptions: string[] };
    expect(mountOptions).not.toContain("allow-delete");
  });
});
