import { type BootstrapSettings } from "./bootstrap-facts.ts";
import { policy, type PolicyDocument } from "./policies.ts";

/** Issuer of GitHub's OIDC tokens, without the scheme, as IAM names condition keys. */
export const GITHUB_ISSUER = "token.actions.githubusercontent.com";
/** What aws-actions/configure-aws-credentials asks for. */
export const GITHUB_AUDIENCE = "sts.amazonaws.com";

export type GithubClaim = "pull_request" | `environment:${string}`;

type Repository = Pick<
  BootstrapSettings,
  "organisation" | "organisationId" | "repository" | "repositoryId" | "immutableSubjects"
>;

/**
 * `sub` of the token that a workflow gets. With the ids, a repository that somebody makes later under the same
 * name is another subject. Source: README of aws-actions/configure-aws-credentials v6.2.3.
 */
export function githubSubject(repository: Repository, claim: GithubClaim): string {
  const { organisation, organisationId, repository: name, repositoryId, immutableSubjects } = repository;
  return immutableSubjects
    ? `repo:${organisation}@${organisationId}/${name}@${repositoryId}:${claim}`
    : `repo:${organisation}/${name}:${claim}`;
}

/**
 * Who may take a role: workflows of this subject and nobody else. Exact comparison of single values: a
 * wildcard would let every branch in, and `ForAllValues` in an Allow is true where the claim is missing.
 */
export const githubTrust = (providerArn: string, subject: string): PolicyDocument =>
  policy({
    Sid: "Github",
    Effect: "Allow",
    Principal: { Federated: providerArn },
    Action: ["sts:AssumeRoleWithWebIdentity"],
    Condition: {
      StringEquals: { [`${GITHUB_ISSUER}:aud`]: GITHUB_AUDIENCE, [`${GITHUB_ISSUER}:sub`]: subject },
    },
  });
