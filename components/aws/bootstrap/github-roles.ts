import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { deployBoundary } from "../../../core/aws/bootstrap-boundary.ts";
import { deployPolicies } from "../../../core/aws/bootstrap-deploy.ts";
import {
  BOOTSTRAP_TAGS,
  BOUNDARY_NAME,
  ROLE_NAMES,
  type BootstrapSettings,
} from "../../../core/aws/bootstrap-facts.ts";
import { previewPolicy } from "../../../core/aws/bootstrap-preview.ts";
import {
  GITHUB_AUDIENCE,
  GITHUB_ISSUER,
  githubSubject,
  githubTrust,
  type GithubClaim,
} from "../../../core/aws/github-trust.ts";
import type { StateStore } from "./state-store.ts";

export interface GithubRolesArgs {
  settings: BootstrapSettings;
  store: StateStore;
}

/** Seconds of a session that deploys: a training that `up` waits for has to end in it. IAM allows 12 hours. */
const DEPLOY_SECONDS = 6 * 3600;

/**
 * The two roles of a repository's workflows, taken with GitHub's OIDC token and no stored key. `preview` reads,
 * for every pull request of the repository itself; `deploy` makes, for the environment that people approve.
 */
export class GithubRoles extends pulumi.ComponentResource {
  readonly previewRoleArn: pulumi.Output<string>;
  readonly deployRoleArn: pulumi.Output<string>;
  readonly #provider: aws.iam.OpenIdConnectProvider;

  constructor(name: string, { settings, store }: GithubRolesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:GithubRoles", name, {}, opts);
    const parent = { parent: this };
    // No thumbprint: AWS checks this issuer against its own list of authorities.
    this.#provider = new aws.iam.OpenIdConnectProvider(
      "github",
      { url: `https://${GITHUB_ISSUER}`, clientIdLists: [GITHUB_AUDIENCE], tags: BOOTSTRAP_TAGS },
      parent,
    );
    const preview = this.#role("preview", settings, "pull_request", {});
    new aws.iam.RolePolicy(
      "preview",
      {
        name: "read",
        role: preview.name,
        policy: pulumi.jsonStringify(store.arns.apply((arns) => previewPolicy(arns, settings))),
      },
      parent,
    );
    const boundary = this.#policy(
      BOUNDARY_NAME,
      store.arns.apply((arns) => deployBoundary(arns, settings)),
    );
    const deploy = this.#role("deploy", settings, `environment:${settings.environment}`, {
      permissionsBoundary: boundary.arn,
      maxSessionDuration: DEPLOY_SECONDS,
    });
    for (const part of ["state", "cluster", "data"] as const) {
      const document = store.arns.apply((arns) => deployPolicies(arns, settings)[part]);
      const made = this.#policy(`${ROLE_NAMES.deploy}-${part}`, document);
      new aws.iam.RolePolicyAttachment(part, { role: deploy.name, policyArn: made.arn }, parent);
    }
    this.previewRoleArn = preview.arn;
    this.deployRoleArn = deploy.arn;
    this.registerOutputs({ previewRoleArn: this.previewRoleArn, deployRoleArn: this.deployRoleArn });
  }

  #role(
    role: keyof typeof ROLE_NAMES,
    settings: BootstrapSettings,
    claim: GithubClaim,
    more: Partial<aws.iam.RoleArgs>,
  ): aws.iam.Role {
    const trust = this.#provider.arn.apply((arn) => githubTrust(arn, githubSubject(settings, claim)));
    return new aws.iam.Role(
      role,
      {
        name: ROLE_NAMES[role],
        assumeRolePolicy: pulumi.jsonStringify(trust),
        tags: BOOTSTRAP_TAGS,
        ...more,
      },
      { parent: this },
    );
  }

  #policy(name: string, document: pulumi.Output<object>): aws.iam.Policy {
    return new aws.iam.Policy(
      name,
      { name, policy: pulumi.jsonStringify(document), tags: BOOTSTRAP_TAGS },
      { parent: this },
    );
  }
}
