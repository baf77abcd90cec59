import { EksCluster } from "../../components/aws/cluster.ts";
import { Network } from "../../components/aws/network.ts";
import { awsExample } from "./aws-example.ts";
import { declaredBy } from "./declared.ts";

/** What a cluster and its network declare; `changes` of `tuneform:aws`. */
export const declaredCluster = (changes: Parameters<typeof awsExample>[0]) =>
  declaredBy(() => {
    const plan = awsExample(changes);
    return new EksCluster("test", { plan, network: new Network("test", { plan }) });
  });

export const managedPolicy = (name: string) => `arn:aws:iam::aws:policy/${name}`;
export const accessPolicy = (name: string) => `arn:aws:eks::aws:cluster-access-policy/${name}`;
