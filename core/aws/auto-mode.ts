import type { ConfigMap } from "../kubernetes/manifest.ts";
import type { AwsPlan } from "../plan/aws-plan.ts";
import { policy, type PolicyDocument } from "./policies.ts";

/**
 * Turns network policies on in a cluster of EKS Auto Mode, which takes them without it and enforces none (EKS user
 * guide, auto-net-pol). Elsewhere the add-on vpc-cni is told so.
 */
export const networkPolicySwitch = (): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name: "amazon-vpc-cni",
    namespace: "kube-system",
    labels: { "app.kubernetes.io/name": "tuneform" },
  },
  data: { "enable-network-policy-controller": "true" },
});

/** What a node is made of, by EC2's names of resources. */
const PARTS_OF_NODES = [
  "fleet",
  "instance",
  "volume",
  "network-interface",
  "launch-template",
  "spot-instances-request",
];

/**
 * What a cluster of EKS Auto Mode has to be allowed besides AWS's own policies, which let it make nodes with EKS's tags
 * alone: with ours on the class of a pool none would ever start (EKS user guide, auto-cluster-iam-role). Only for this
 * cluster's own nodes, by the tag that EKS sets with ours; subnets, groups and images are in AWS's policies already.
 */
export const autoModeTagPolicy = ({ name, region }: Pick<AwsPlan, "name" | "region">): PolicyDocument =>
  policy({
    Sid: "MakeNodesWithTags",
    Effect: "Allow",
    Action: ["ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateLaunchTemplate", "ec2:CreateNetworkInterface"],
    Resource: PARTS_OF_NODES.map((part) => `arn:aws:ec2:${region}:*:${part}/*`),
    Condition: { StringEquals: { "aws:RequestTag/eks:eks-cluster-name": name } },
  });
