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

/** The one service account that may take a role. */
export interface PodAccount {
  cluster: string;
  namespace: string;
  serviceAccount: string;
}

/**
 * Trust of a role that pods take by EKS Pod Identity: no OIDC provider, no annotation on the service account, and the
 * association names the account that gets it. EKS tags its sessions with cluster, namespace and account; with
 * `account` the role is for these alone, whatever associations somebody else may make. They are known before anything
 * is made; the number of the AWS account, which `aws:SourceAccount` would need, is not.
 */
export function podTrust(account?: PodAccount): PolicyDocument {
  const trust = serviceTrust("pods.eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"]);
  if (account === undefined) return trust;
  const { cluster, namespace, serviceAccount } = account;
  const Condition = {
    StringEquals: {
      "aws:RequestTag/eks-cluster-name": cluster,
      "aws:RequestTag/kubernetes-namespace": namespace,
      "aws:RequestTag/kubernetes-service-account": serviceAccount,
    },
  };
  return { ...trust, Statement: trust.Statement.map((statement) => ({ ...statement, Condition })) };
}

/** ARN of a policy that AWS keeps. `partition` is `aws` but in China and GovCloud. */
export const managedPolicy = (name: string): string => `arn:aws:iam::aws:policy/${name}`;

/** Begins the name of a role. IAM takes 38 characters of a prefix, and the provider adds what makes it unique. */
export const roleNamePrefix = (stack: string, name: string): string => `${stack}-${name}`.slice(0, 37);
