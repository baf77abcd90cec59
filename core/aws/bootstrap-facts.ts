/** What the bootstrap is told; docs/aws.md. */
export interface BootstrapSettings {
  /** Of AWS: 12 digits. */
  accountId: string;
  region: string;
  organisation: string;
  organisationId: string;
  repository: string;
  repositoryId: string;
  /** Of GitHub, with required reviewers: who may deploy. */
  environment: string;
  /** Repositories made since 2026-07-15 send them; older ones send names alone. */
  immutableSubjects: boolean;
}

/** ARNs of what holds the state of all stacks. */
export interface StateStore {
  bucketArn: string;
  /** Encrypts the bucket. */
  bucketKeyArn: string;
  /** Encrypts secrets inside the state: another key, so that who reads the bucket reads no secret. */
  secretsKeyArn: string;
}

/** Begins the names of everything that a stack makes: core/plan/aws-plan.ts. */
export const STACK_PREFIX = "tuneform-";
export const ROLE_NAMES = { preview: "tuneform-preview", deploy: "tuneform-deploy" } as const;
export const BOUNDARY_NAME = "tuneform-deploy-boundary";
/** Tag `project` of a stack's things; those of the bootstrap carry another, so that no stack may touch them. */
export const STACK_PROJECT = "tuneform";
export const BOOTSTRAP_TAGS = { project: "tuneform-bootstrap" } as const;

export const stateBucketName = ({ accountId, region }: BootstrapSettings): string =>
  `tuneform-state-${accountId}-${region}`;
