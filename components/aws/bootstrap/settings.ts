import * as pulumi from "@pulumi/pulumi";
import type { BootstrapSettings } from "../../../core/aws/bootstrap-facts.ts";

/** Keys of Pulumi.<stack>.yaml in bootstrap/aws; their meanings stand in its Pulumi.yaml. */
export function readBootstrapSettings(): BootstrapSettings {
  const config = new pulumi.Config("tuneform-bootstrap");
  return {
    accountId: config.require("accountId", { pattern: /^\d{12}$/ }),
    region: config.require("region", { pattern: /^[a-z]{2}(-[a-z]+)+-\d$/ }),
    organisation: config.require("organisation", { pattern: NAME }),
    organisationId: config.require("organisationId", { pattern: /^\d+$/ }),
    repository: config.require("repository", { pattern: NAME }),
    repositoryId: config.require("repositoryId", { pattern: /^\d+$/ }),
    environment: config.require("environment", { pattern: /^[\w.-]+$/ }),
    immutableSubjects: config.getBoolean("immutableSubjects") ?? true,
  };
}

/** Of GitHub's organisations and repositories: no `*`, `?` or `$`, which mean something to IAM elsewhere. */
const NAME = /^[A-Za-z0-9_.-]+$/;
