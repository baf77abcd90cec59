import { runSimulation } from "@cloud-copilot/iam-simulate";
import { describe, expect, it } from "vitest";
import { deployBoundary } from "../../core/aws/bootstrap-boundary.ts";
import { deployPolicies } from "../../core/aws/bootstrap-deploy.ts";
import type { PolicyDocument } from "../../core/aws/policies.ts";
import { previewPolicy } from "../../core/aws/bootstrap-preview.ts";
import { GITHUB_ISSUER, githubSubject, githubTrust } from "../../core/aws/github-trust.ts";
import { ACCOUNT, REGION, settings, store } from "./bootstrap-example.ts";

const providerArn = `arn:aws:iam::${ACCOUNT}:oidc-provider/${GITHUB_ISSUER}`;

describe("the subject of a workflow's token", () => {
  it("names organisation and repository by their ids too, unless the repository is an older one", () => {
    expect(githubSubject(settings, "pull_request")).toBe("repo:acme@12/models@34:pull_request");
    const older = { ...settings, immutableSubjects: false };
    expect(githubSubject(older, "environment:production")).toBe("repo:acme/models:environment:production");
  });
});

describe("who may take a role", () => {
  const claims = (sub: string | null, aud = "sts.amazonaws.com") => ({
    [`${GITHUB_ISSUER}:aud`]: aud,
    ...(sub === null ? {} : { [`${GITHUB_ISSUER}:sub`]: sub }),
  });

  /**
   * Whether a token of GitHub with these claims gets the role. By hand, since the evaluator does not know claims
   * of OIDC: exact comparison is all that the policy may use.
   */
  function gets(role: "preview" | "deploy", token: Record<string, string>, issuer = providerArn): boolean {
    const subject = githubSubject(settings, role === "preview" ? "pull_request" : "environment:production");
    return githubTrust(providerArn, subject).Statement.some(({ Effect, Principal, Action, Condition }) => {
      expect([Effect, Action, Object.keys(Condition ?? {})]).toEqual([
        "Allow",
        ["sts:AssumeRoleWithWebIdentity"],
        ["StringEquals"],
      ]);
      const equal = Object.entries(Condition?.["StringEquals"] ?? {});
      expect(equal.map(([key]) => key)).toEqual([`${GITHUB_ISSUER}:aud`, `${GITHUB_ISSUER}:sub`]);
      const { Federated } = Principal as Record<string, string>;
      return Federated === issuer && equal.every(([key, value]) => token[key] === value);
    });
  }

  it("is a pull request of this repository, for preview", () => {
    expect(gets("preview", claims("repo:acme@12/models@34:pull_request"))).toBe(true);
  });

  it("is a job of the environment, for deploy", () => {
    expect(gets("deploy", claims("repo:acme@12/models@34:environment:production"))).toBe(true);
  });

  it.each([
    ["a pull request", "deploy", claims("repo:acme@12/models@34:pull_request")],
    ["main without the environment", "deploy", claims("repo:acme@12/models@34:ref:refs/heads/main")],
    ["another environment", "deploy", claims("repo:acme@12/models@34:environment:production2")],
    ["a branch", "preview", claims("repo:acme@12/models@34:ref:refs/heads/feature")],
    ["another repository", "preview", claims("repo:acme@12/models-fork@35:pull_request")],
    ["the same name, made again", "preview", claims("repo:acme@12/models@99:pull_request")],
    ["names without ids", "preview", claims("repo:acme/models:pull_request")],
    ["another audience", "preview", claims("repo:acme@12/models@34:pull_request", "https://github.com/acme")],
    ["no subject", "preview", claims(null)],
  ] as const)("is not %s, for %s", (_what, role, token) => {
    expect(gets(role, token)).toBe(false);
  });

  it("is not a token of another issuer with the same claims", () => {
    const other = `arn:aws:iam::${ACCOUNT}:oidc-provider/gitlab.com`;
    expect(gets("preview", claims("repo:acme@12/models@34:pull_request"), other)).toBe(false);
  });
});

/** Whether a role with these policies may do something. */
async function may(
  policies: PolicyDocument[],
  action: string,
  resource: string,
  context: Record<string, string> = {},
  boundary?: PolicyDocument,
): Promise<boolean> {
  const result = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${ACCOUNT}:role/tuneform-ci`,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { "aws:RequestedRegion": REGION, ...context },
      },
      identityPolicies: policies.map((policy, index) => ({ name: `p${index}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      // A key that lets the account's IAM policies decide, as KMS makes it.
      ...(action.startsWith("kms:") ? { resourcePolicy: KEY_POLICY } : {}),
      ...(boundary === undefined
        ? {}
        : { permissionBoundaryPolicies: [{ name: "boundary", policy: boundary }] }),
    },
    {},
  );
  if (result.resultType === "error") throw new Error(JSON.stringify(result.errors));
  return result.overallResult === "Allowed";
}
const KEY_POLICY = {
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: "kms:*", Resource: "*" },
  ],
};

const stateFile = `${store.bucketArn}/.pulumi/stacks/tuneform/production.json`;
const lockFile = `${store.bucketArn}/.pulumi/locks/organization/tuneform/production/1.json`;
const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const ofStack = { "aws:ResourceTag/project": "tuneform" };

describe("the preview role", () => {
  const policies = [previewPolicy(store, settings)];

  it.each([
    ["s3:ListBucket", store.bucketArn],
    ["s3:GetObject", stateFile],
    ["kms:Decrypt", store.bucketKeyArn],
    ["kms:Decrypt", store.secretsKeyArn],
    ["eks:DescribeCluster", `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/tuneform-production`],
    ["ec2:DescribeVpcs", "*"],
    ["iam:GetRole", role("tuneform-production-nodes")],
  ])("may %s of %s", async (action, resource) => {
    expect(await may(policies, action, resource)).toBe(true);
  });

  it.each([
    ["s3:PutObject", stateFile],
    ["s3:PutObject", lockFile],
    ["s3:DeleteObject", lockFile],
    ["s3:GetObject", "arn:aws:s3:::tuneform-production-data/datasets/mail.jsonl"],
    ["kms:Encrypt", store.secretsKeyArn],
    ["kms:GenerateDataKey", store.bucketKeyArn],
    ["kms:Decrypt", `arn:aws:kms:${REGION}:${ACCOUNT}:key/33333333-3333-3333-3333-333333333333`],
    ["eks:DeleteCluster", `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/tuneform-production`],
    ["eks:DescribeCluster", `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/other`],
    ["iam:PassRole", role("tuneform-production-nodes")],
    ["secretsmanager:GetSecretValue", `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:x`],
  ])("may not %s of %s", async (action, resource) => {
    expect(await may(policies, action, resource)).toBe(false);
  });

  it("has no action that writes", () => {
    const actions = policies.flatMap(({ Statement }) => Statement.flatMap(({ Action }) => Action));
    for (const action of actions) expect(action).toMatch(/:(Get|List|Describe|View|Decrypt)/);
  });
});

describe("the deploy role", () => {
  const policies = Object.values(deployPolicies(store, settings));
  const boundary = deployBoundary(store, settings);
  const deployMay = (action: string, resource: string, context = {}) =>
    may(policies, action, resource, context, boundary);

  it.each([
    ["s3:PutObject", stateFile, {}],
    ["s3:DeleteObject", lockFile, {}],
    ["kms:Encrypt", store.secretsKeyArn, {}],
    ["eks:CreateCluster", "*", { "aws:RequestTag/project": "tuneform" }],
    ["eks:CreateNodegroup", `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/tuneform-production`, {}],
    ["ec2:RunInstances", `arn:aws:ec2:${REGION}:${ACCOUNT}:subnet/subnet-1`, {}],
    ["iam:CreateRole", role("tuneform-production-nodes"), {}],
    ["iam:PassRole", role("tuneform-production-nodes"), { "iam:PassedToService": "eks.amazonaws.com" }],
    [
      "iam:AttachRolePolicy",
      role("tuneform-production-nodes"),
      { "iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy" },
    ],
    ["ec2:DeleteSubnet", `arn:aws:ec2:${REGION}:${ACCOUNT}:subnet/subnet-1`, ofStack],
    ["s3:CreateBucket", "arn:aws:s3:::tuneform-production-data", {}],
    ["elasticfilesystem:CreateFileSystem", "*", { "aws:RequestTag/project": "tuneform" }],
  ] as const)("may %s of %s", async (action, resource, context) => {
    expect(await deployMay(action, resource, context)).toBe(true);
  });

  it.each([
    ["s3:GetObject", "arn:aws:s3:::tuneform-production-data/datasets/mail.jsonl", {}],
    ["s3:PutBucketPolicy", store.bucketArn, {}],
    ["s3:DeleteBucket", store.bucketArn, {}],
    ["s3:DeleteObjectVersion", stateFile, {}],
    ["kms:ScheduleKeyDeletion", store.secretsKeyArn, ofStack],
    ["iam:PutRolePolicy", role("tuneform-deploy"), {}],
    ["iam:UpdateAssumeRolePolicy", role("tuneform-preview"), {}],
    ["iam:CreateRole", role("admin"), {}],
    ["iam:CreateUser", `arn:aws:iam::${ACCOUNT}:user/tuneform-x`, {}],
    ["iam:PassRole", role("tuneform-production-nodes"), { "iam:PassedToService": "lambda.amazonaws.com" }],
    [
      "iam:AttachRolePolicy",
      role("tuneform-production-nodes"),
      { "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess" },
    ],
    ["ec2:DeleteSubnet", `arn:aws:ec2:${REGION}:${ACCOUNT}:subnet/subnet-1`, {}],
    ["eks:DeleteCluster", `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/other`, {}],
    ["eks:CreateCluster", "*", {}],
  ] as const)("may not %s of %s", async (action, resource, context) => {
    expect(await deployMay(action, resource, context)).toBe(false);
  });

  it("is held back by its boundary even with all rights of an administrator", async () => {
    const all: PolicyDocument = {
      Version: "2012-10-17",
      Statement: [{ Sid: "All", Effect: "Allow", Action: ["*"], Resource: ["*"] }],
    };
    const asAdministrator = (action: string, resource: string) => may([all], action, resource, {}, boundary);
    expect(await asAdministrator("iam:CreateRole", role("tuneform-x"))).toBe(true);
    expect(await asAdministrator("iam:DeleteRolePermissionsBoundary", role("tuneform-deploy"))).toBe(false);
    expect(
      await asAdministrator(
        "iam:CreatePolicyVersion",
        `arn:aws:iam::${ACCOUNT}:policy/tuneform-deploy-boundary`,
      ),
    ).toBe(false);
    expect(await asAdministrator("iam:CreateAccessKey", `arn:aws:iam::${ACCOUNT}:user/x`)).toBe(false);
    expect(
      await asAdministrator(
        "secretsmanager:GetSecretValue",
        `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:x`,
      ),
    ).toBe(false);
  });

  it("has policies that IAM takes: 6,144 characters each", () => {
    for (const policy of [...policies, boundary]) expect(JSON.stringify(policy).length).toBeLessThan(6144);
  });
});
