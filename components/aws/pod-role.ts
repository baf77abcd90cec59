import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import {
  managedPolicy,
  podTrust,
  roleNamePrefix,
  type PodAccount,
  type PolicyDocument,
} from "../../core/aws/policies.ts";

export interface PodRoleArgs {
  /** Begins the role's name. */
  stack: string;
  tags: Record<string, string>;
  /** Who alone may take it; else whoever an association or add-on names. */
  account?: PodAccount;
  /** Of its own. */
  policy?: pulumi.Input<PolicyDocument>;
  /** Kept by AWS, below arn:aws:iam::aws:policy/. */
  managed?: string;
}

/** A role that pods take by EKS Pod Identity; who gets it is said by an association or an add-on. */
export class PodRole extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;
  /** The role with its rights: what a pod has to wait for. */
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: PodRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:PodRole", name, {}, opts);
    const parent = { parent: this };
    const role = new aws.iam.Role(
      name,
      {
        namePrefix: roleNamePrefix(args.stack, name),
        assumeRolePolicy: JSON.stringify(podTrust(args.account)),
        tags: args.tags,
      },
      parent,
    );
    this.arn = role.arn;
    this.ready = [role];
    if (args.policy !== undefined)
      this.ready.push(
        new aws.iam.RolePolicy(name, { role: role.name, policy: pulumi.jsonStringify(args.policy) }, parent),
      );
    if (args.managed !== undefined)
      this.ready.push(
        new aws.iam.RolePolicyAttachment(
          name,
          { role: role.name, policyArn: managedPolicy(args.managed) },
          parent,
        ),
      );
    this.registerOutputs({ arn: this.arn });
  }
}
