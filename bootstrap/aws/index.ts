// What an account has before the first stack: where states lie, and the roles of the workflows. docs/aws.md.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { GithubRoles } from "../../components/aws/bootstrap/github-roles.ts";
import { readBootstrapSettings } from "../../components/aws/bootstrap/settings.ts";
import { StateStore } from "../../components/aws/bootstrap/state-store.ts";

const settings = readBootstrapSettings();
const { region, accountId } = settings;
// Another account's credentials are refused before anything is made.
const provider = new aws.Provider("account", {
  region: region as aws.Region,
  allowedAccountIds: [accountId],
});
const providers = { providers: [provider] };

const store = new StateStore("store", { settings }, providers);
const roles = new GithubRoles("github", { settings, store }, providers);

/** For `pulumi login` and PULUMI_BACKEND_URL. */
export const backendUrl = pulumi.interpolate`s3://${store.bucket}?region=${region}&awssdk=v2`;
/** For `pulumi stack init --secrets-provider`. */
export const secretsProvider = pulumi.interpolate`awskms:///${store.secretsKeyArn}?region=${region}&awssdk=v2`;
export const { previewRoleArn, deployRoleArn } = roles;
