import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import type { PolicyDocument } from "../../core/aws/policies.ts";
import { GITHUB_ISSUER } from "../../core/aws/github-trust.ts";
import { ACCOUNT, REGION, settings, store } from "./bootstrap-example.ts";
import { collect, type Collected } from "./collect.ts";
import { valueOf } from "./declared.ts";

describe("`pulumi up` in bootstrap/aws", () => {
  let declared: Collected[];
  let calls: string[];
  let outputs: Record<string, unknown>;

  beforeAll(async () => {
    for (const [key, value] of Object.entries(settings))
      pulumi.runtime.setConfig(`tuneform-bootstrap:${key}`, String(value));
    const file = path.resolve(import.meta.dirname, "../../bootstrap/aws/index.ts");
    const keys = ["backendUrl", "secretsProvider", "previewRoleArn", "deployRoleArn"] as const;
    const collected = await collect(
      async () => {
        const program = (await import(file)) as Record<string, pulumi.Output<unknown>>;
        const values = await Promise.all(keys.map((key) => valueOf(program[key]!)));
        outputs = Object.fromEntries(keys.map((key, index) => [key, values[index]]));
      },
      { project: "tuneform-bootstrap", stack: "account" },
    );
    declared = collected.resources;
    calls = collected.invokes;
  });

  const all = (type: string) => declared.filter((each) => each.type === type);
  const one = (type: string, name?: string) => {
    const found = all(type).filter((each) => name === undefined || each.name === name);
    expect(found, type).toHaveLength(1);
    return found[0]!.inputs;
  };

  it("asks AWS nothing", () => expect(calls).toEqual([]));

  it("makes a bucket that keeps former versions, is encrypted by its own key and closed", () => {
    expect(one("aws:s3/bucket:Bucket")).toMatchObject({ bucket: `tuneform-state-${ACCOUNT}-${REGION}` });
    expect(one("aws:s3/bucketVersioning:BucketVersioning")).toMatchObject({
      versioningConfiguration: { status: "Enabled" },
    });
    expect(
      one("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"),
    ).toMatchObject({
      rules: [
        {
          applyServerSideEncryptionByDefault: {
            sseAlgorithm: "aws:kms",
            kmsMasterKeyId: "arn:aws:kms:us-east-1:111122223333:key/state-key",
          },
        },
      ],
    });
    expect(one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")).toMatchObject({
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    expect(one("aws:s3/bucketOwnershipControls:BucketOwnershipControls")).toMatchObject({
      rule: { objectOwnership: "BucketOwnerEnforced" },
    });
    expect(one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")).toMatchObject({
      rules: [{ status: "Enabled", noncurrentVersionExpiration: { noncurrentDays: 90 } }],
    });
  });

  it("refuses everything without TLS", () => {
    const { policy } = one("aws:s3/bucketPolicy:BucketPolicy") as { policy: string };
    expect(JSON.parse(policy)).toMatchObject({
      Statement: [
        {
          Effect: "Deny",
          Principal: "*",
          Action: ["s3:*"],
          Resource: [store.bucketArn, `${store.bucketArn}/*`],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ],
    });
  });

  it("makes another key for secrets, rotated", () => {
    const keys = all("aws:kms/key:Key");
    expect(keys.map(({ name }) => name).sort()).toEqual(["secrets-key", "state-key"]);
    for (const { inputs } of keys) expect(inputs).toMatchObject({ enableKeyRotation: true });
    expect(outputs).toMatchObject({
      backendUrl: `s3://tuneform-state-${ACCOUNT}-${REGION}?region=${REGION}&awssdk=v2`,
      secretsProvider: `awskms:///arn:aws:kms:us-east-1:111122223333:key/secrets-key?region=${REGION}&awssdk=v2`,
    });
  });

  it("trusts GitHub for two roles, each for one subject", () => {
    expect(one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")).toMatchObject({
      url: `https://${GITHUB_ISSUER}`,
      clientIdLists: ["sts.amazonaws.com"],
    });
    const subjects = all("aws:iam/role:Role").map(({ inputs }) => {
      const { Statement } = JSON.parse(inputs["assumeRolePolicy"] as string) as PolicyDocument;
      return [inputs["name"], Statement.map(({ Condition }) => Condition)];
    });
    const only = (sub: string) => [
      { StringEquals: { [`${GITHUB_ISSUER}:aud`]: "sts.amazonaws.com", [`${GITHUB_ISSUER}:sub`]: sub } },
    ];
    expect(Object.fromEntries(subjects)).toEqual({
      "tuneform-preview": only("repo:acme@12/models@34:pull_request"),
      "tuneform-deploy": only("repo:acme@12/models@34:environment:production"),
    });
  });

  it("bounds the deploy role, and attaches its policies to it alone", () => {
    const boundary = "arn:aws:iam::111122223333:policy/tuneform-deploy-boundary";
    expect(one("aws:iam/role:Role", "deploy")).toMatchObject({ permissionsBoundary: boundary });
    const attached = all("aws:iam/rolePolicyAttachment:RolePolicyAttachment").map(({ inputs }) => inputs);
    expect(attached.map(({ role }) => role)).toEqual(Array(3).fill("tuneform-deploy"));
    expect(attached.map(({ policyArn }) => policyArn)).not.toContain(boundary);
    expect(one("aws:iam/rolePolicy:RolePolicy")).toMatchObject({ role: "tuneform-preview" });
  });

  it("protects keys, and bucket with all that keeps it closed: without them no stack could be changed", () => {
    const isHeld = ({ type }: Collected) => type.startsWith("aws:s3/") || type.startsWith("aws:kms/");
    const held = declared.filter(isHeld);
    expect(held.length).toBeGreaterThan(9);
    expect(held.filter(({ protect }) => !protect)).toEqual([]);
  });
});
