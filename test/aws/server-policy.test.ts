import { describe, expect, it } from "vitest";
import { bucketPolicy } from "../../core/aws/bucket.ts";
import type { PolicyDocument } from "../../core/aws/policies.ts";
import { serverPolicy } from "../../core/aws/server-policy.ts";
import { decision, type Request } from "./iam.ts";
import { lookingUp, mounting, reading } from "./mountpoint.ts";

const bucketArn = "arn:aws:s3:::acme-models";
const BASE = "models/0123456789ab";
const WEIGHTS = `${BASE}/model-00001-of-00002.safetensors`;
const adapter = (fineTune: string) => `adapters/${fineTune}/0123456789ab/adapter/adapter_model.safetensors`;
const object = (action: string, key: string): Request => ({ action, resource: `${bucketArn}/${key}` });

describe("the role of a server that serves two fine-tunes on a base in the bucket", () => {
  const identity = serverPolicy("acme-models", { adaptersOf: ["triage", "routing"], baseKey: BASE });
  const may = async (request: Request) => (await decision(request, { identity })) === "Allowed";

  it.each([
    ["mounts the bucket", mounting(bucketArn)],
    ...["triage", "routing"].map((name): [string, Request[]] => [
      `finds and reads adapters of ${name}`,
      [...lookingUp(bucketArn, adapter(name)), reading(bucketArn, adapter(name))],
    ]),
    ["finds and reads its base", [...lookingUp(bucketArn, WEIGHTS), reading(bucketArn, WEIGHTS)]],
    [
      "is told that a file of an adapter is not there, which vLLM asks for",
      lookingUp(bucketArn, "adapters/triage/0123456789ab/adapter/new_embeddings.safetensors"),
    ],
  ] as [string, Request[]][])("%s, by what Mountpoint asks for", async (_what, requests) => {
    for (const request of requests) expect([request, await may(request)]).toEqual([request, true]);
  });

  it("would not get as far as its adapters without the folders on the way", async () => {
    const narrow: PolicyDocument = {
      ...identity,
      Statement: identity.Statement.map((statement) =>
        statement.Sid === "LookUpAndRead"
          ? { ...statement, Resource: [`${bucketArn}/adapters/triage/*`] }
          : statement,
      ),
    };
    const refused = [];
    for (const request of lookingUp(bucketArn, adapter("triage")))
      if ((await decision(request, { identity: narrow })) !== "Allowed") refused.push(request.resource);
    expect(refused).toEqual([`${bucketArn}/adapters`, `${bucketArn}/adapters/triage`]);
  });

  it.each([
    ["another fine-tune's adapters", object("s3:GetObject", adapter("billing"))],
    ["adapters of a name that begins like one of its own", object("s3:GetObject", adapter("triage-2"))],
    ["another base", object("s3:GetObject", "models/ba9876543210/model.safetensors")],
    ["a base whose name begins like its own", object("s3:GetObject", `${BASE}-2/model.safetensors`)],
    ["data", object("s3:GetObject", "datasets/mail/triage.jsonl")],
    ["the registry", object("s3:GetObject", "registry/triage/0123456789ab.json")],
    ["former versions of its adapters", object("s3:GetObjectVersion", adapter("triage"))],
    [
      "adapters in another bucket",
      { action: "s3:GetObject", resource: `arn:aws:s3:::acme/${adapter("triage")}` },
    ],
  ] as [string, Request][])("cannot read %s", async (_what, request) =>
    expect(await may(request)).toBe(false),
  );

  it.each([
    ["replace an adapter", object("s3:PutObject", adapter("triage"))],
    ["replace its base", object("s3:PutObject", WEIGHTS)],
    ["end an upload", object("s3:AbortMultipartUpload", adapter("triage"))],
    ["delete an adapter", object("s3:DeleteObject", adapter("triage"))],
    ["delete a former version", object("s3:DeleteObjectVersion", adapter("triage"))],
    ["open an object to others", object("s3:PutObjectAcl", adapter("triage"))],
    ["change who may use the bucket", { action: "s3:PutBucketPolicy", resource: bucketArn }],
    ["list another bucket", { action: "s3:ListBucket", resource: "arn:aws:s3:::acme-other" }],
  ] as [string, Request][])("cannot %s", async (_what, request) => expect(await may(request)).toBe(false));

  it.each([
    ["list the bucket", { action: "s3:ListBucket", resource: bucketArn }],
    ["read an adapter", object("s3:GetObject", adapter("triage"))],
  ] as [string, Request][])("cannot %s without TLS", async (_what, request) => {
    const without = { ...request, context: { "aws:SecureTransport": "false" } };
    expect(await decision(without, { identity, resource: bucketPolicy(bucketArn) })).toBe("ExplicitlyDenied");
    expect(await decision(request, { identity, resource: bucketPolicy(bucketArn) })).toBe("Allowed");
  });
});

describe("the role of a server", () => {
  it("reads no base where that lies on the volume", () => {
    const identity = serverPolicy("acme-models", { adaptersOf: ["triage"], baseKey: null });
    expect(JSON.stringify(identity)).not.toContain("/models/");
  });

  it("reads no adapters where it finds them on the volume", () => {
    const identity = serverPolicy("acme-models", { adaptersOf: [], baseKey: BASE });
    expect(JSON.stringify(identity)).not.toContain("adapters");
  });

  it("allows what it names, and nothing by a wildcard but below a folder of its own", () => {
    const { Statement } = serverPolicy("acme-models", { adaptersOf: ["triage"], baseKey: BASE });
    expect(Statement.flatMap(({ Action }) => Action)).toEqual(["s3:ListBucket", "s3:GetObject"]);
    const wide = Statement.flatMap(({ Resource = [] }) => Resource).filter((each) => each.includes("*"));
    expect(wide).toEqual([`${bucketArn}/adapters/triage/*`, `${bucketArn}/${BASE}/*`]);
  });
});
