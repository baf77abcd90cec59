/** A policy document of IAM, as JSON. */
export interface PolicyDocument {
  Version: "2012-10-17";
  Statement: Statement[];
}

export interface Statement {
  Sid?: string;
  Effect: "Allow" | "Deny";
  Principal?: "*" | Record<string, string | string[]>;
  Action: string | string[];
  Resource?: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

export const policy = (...statements: Statement[]): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: statements,
});

/** Who may take a role: a service of AWS. EKS's Auto Mode tags its sessions. */
export const serviceTrust = (service: string, actions: string[] = ["sts:AssumeRole"]): PolicyDocument =>
  policy({ Effect: "Allow", Principal: { Service: service }, Action: actions });

/**
 * Trust of a role that pods take by EKS Pod Identity: no OIDC provider, no annotation on the service account, and the
 * association names the one account that gets it. The agent tags its sessions with cluster, namespace and account.
 */
export const podTrust = (): PolicyDocument =>
  serviceTrust("pods.eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"]);

/** ARN of a policy that AWS keeps. `partition` is `aws` but in China and GovCloud. */
export const managedPolicy = (name: string): string => `arn:aws:iam::aws:policy/${name}`;
