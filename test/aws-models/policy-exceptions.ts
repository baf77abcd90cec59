/** A finding about a policy. */
export interface PolicyFinding {
  where: string;
  issue: string;
  severity: string;
  detail: string;
}

/** A finding that is no fault: each row has to explain one at least, so that none outlives what it was for. */
export interface Exception {
  where: RegExp;
  issue: string;
  detail: RegExp;
  reason: string;
}

/** Every finding counts, whatever its severity: for parliament an unknown action is a LOW one. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    where: / assumeRolePolicy$/,
    issue: "RESOURCE_STAR",
    detail: /^\['sts:AssumeRole/,
    reason: "The resource of a trust policy is its own role; the linter is given `*` in its place",
  },
  {
    where: /^Role (preview|deploy) assumeRolePolicy$/,
    issue: "UNKNOWN_FEDERATION_SOURCE",
    detail: /:oidc-provider\/token\.actions\.githubusercontent\.com$/,
    reason: "parliament knows four issuers by name, and no OIDC provider of an account",
  },
  {
    where: /^Role (preview|deploy) assumeRolePolicy$/,
    issue: "UNKNOWN_CONDITION_FOR_ACTION",
    detail: /token\.actions\.githubusercontent\.com:(aud|sub) /,
    reason: "Claims of an issuer's token, which are in no list of AWS",
  },
  {
    where: /^Policy tuneform-deploy-boundary /,
    issue: "WILDCARD",
    detail: /^(eks|ec2|autoscaling|iam|kms|logs|s3|elasticfilesystem|budgets):\* on \*$/,
    reason: "A boundary grants nothing: it names the services that other policies may grant of",
  },
  {
    where: /^Policy tuneform-deploy-boundary /,
    issue: "RESOURCE_STAR",
    detail: /./,
    reason: "A boundary grants nothing, see above",
  },
  {
    where: /^(Policy tuneform-deploy-cluster|RolePolicy preview) /,
    issue: "RESOURCE_STAR",
    detail: /^\[('(ec2|autoscaling|logs):(Describe)\w+'(, )?)+\]$/,
    reason: "Reads of settings: what a network has is found by its filter, most of it has no resource level",
  },
  {
    where: /^Policy tuneform-deploy-data /,
    issue: "RESOURCE_STAR",
    detail: /^\['kms:TagResource'\]$/,
    reason: "Part of making a key that has no name yet; only with the tag of a stack",
  },
  {
    where: /^Policy tuneform-deploy-data /,
    issue: "RESOURCE_MISMATCH",
    detail: /^\[(\{'action': 'kms:(Create|Delete|Update)Alias', 'required_format': '[^']+'\}(, )?)+\]$/,
    reason: "These need alias and key: two statements, since only the key is known by its tag",
  },
  {
    where: /^Policy tuneform-deploy-data /,
    issue: "RESOURCE_POLICY_PRIVILEGE_ESCALATION",
    detail: / s3:(PutBucketPolicy|PutBucketAcl|PutLifecycleConfiguration)$/,
    reason: "Who sets a stack's bucket policy could open the bucket; the environment's approval is the guard",
  },
  {
    where: /^Key cluster policy$/,
    issue: "RESOURCE_STAR",
    detail: /^\[('kms:\w+'(, )?)+\]$/,
    reason: "In the policy of a key `*` is that key",
  },
  {
    where: /^Key cluster policy$/,
    issue: "WILDCARD",
    detail: /^kms:\* on \*$/,
    reason:
      "The account keeps its rights on its key, as in AWS's default, or nobody could delete it; IAM says who",
  },
  {
    where: /^RolePolicy cluster-tags policy$/,
    issue: "RESOURCE_MISMATCH",
    detail:
      /^\[(\{'action': 'ec2:(RunInstances|CreateNetworkInterface)', 'required_format': '[^']+:(image|security-group|subnet)\/\*'\}(, )?)+\]$/,
    reason: "Beside AWS's own policies of Auto Mode, which hold images, security groups and subnets",
  },
];
