import { runSimulation } from "@cloud-copilot/iam-simulate";
import type { PolicyDocument } from "../../core/aws/policies.ts";

export const ACCOUNT = "111122223333";

export interface Request {
  action: string;
  resource: string;
  context?: Record<string, string>;
  /** Else a role of the account. */
  principal?: string;
}

/** Policies that decide about a request. */
export interface Deciding {
  identity?: PolicyDocument;
  resource?: PolicyDocument;
}

/** What IAM would say: by an evaluator that runs offline. Throws Error for a request that AWS does not have. */
export async function decision(
  {
    action,
    resource,
    context = {},
    principal = `arn:aws:iam::${ACCOUNT}:role/tuneform-train-triage`,
  }: Request,
  { identity, resource: resourcePolicy }: Deciding,
): Promise<string> {
  const result = await runSimulation(
    {
      request: {
        principal,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { "aws:SecureTransport": "true", ...context },
      },
      identityPolicies: identity === undefined ? [] : [{ name: "own", policy: identity }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(resourcePolicy === undefined ? {} : { resourcePolicy }),
    },
    {},
  );
  if (result.resultType === "error") throw new Error(JSON.stringify(result.errors));
  return result.overallResult;
}
