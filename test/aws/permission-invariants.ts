import type { PolicyDocument, Statement } from "../../core/aws/policies.ts";
import { label, type StackSet } from "./stack-set.ts";

/**
 * Actions for which IAM knows no resource, so that a policy has to say `*` (AWS's Service Authorization Reference): they
 * read what all of an account's groups, images and types are called, and change nothing.
 */
const WITHOUT_RESOURCE = new Set([
  "autoscaling:DescribeAutoScalingGroups",
  "autoscaling:DescribeAutoScalingInstances",
  "autoscaling:DescribeLaunchConfigurations",
  "autoscaling:DescribeScalingActivities",
  "autoscaling:DescribeTags",
  "ec2:DescribeImages",
  "ec2:DescribeInstanceTypes",
  "ec2:DescribeLaunchTemplateVersions",
  "ec2:GetInstanceTypesFromInstanceRequirements",
]);

const listOf = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** `*` and `arn:aws:s3:::*` name nothing; neither does `…:autoScalingGroup:*`, which a condition may make up for. */
function isUnnamed(resource: string, hasCondition: boolean): boolean {
  const own = resource.split(":").slice(5).join(":");
  if (resource === "*" || own === "" || /^[*/]+$/.test(own)) return true;
  return !hasCondition && /^[\w-]+[:/][*:/]+$/.test(own);
}

/** In the policy of a key `*` is that key, and nothing is allowed to who is not named. */
const keyFaults = ({ Principal, Resource }: Statement): string[] => [
  ...(Principal === undefined || JSON.stringify(Principal).includes('"*"') ? ["allows everyone"] : []),
  ...(Resource === "*" ? [] : ["names another key"]),
];

function statementFaults(statement: Statement, isTrust: boolean): string[] {
  const { Effect, Principal, Action, Resource, Condition } = statement;
  if (Effect === "Deny") return [];
  const actions = listOf(Action);
  const resources = listOf(Resource);
  const isListed = actions.every((action) => WITHOUT_RESOURCE.has(action));
  return [
    ...("NotAction" in statement || "NotResource" in statement ? ["allows all but what it names"] : []),
    ...(JSON.stringify(Principal ?? "").includes('"*"') ? ["allows everyone"] : []),
    ...actions.filter((action) => action.includes("*")).map((action) => `allows ${action}`),
    ...resources
      .filter((resource) => isUnnamed(resource, Condition !== undefined) && !(resource === "*" && isListed))
      .map((resource) => `allows ${actions.join(", ")} on ${resource}`),
    ...(resources.length === 0 && !isTrust ? ["names no resource"] : []),
  ];
}

/** Statements of all policies that a stack writes itself allow actions by name, on resources by name. */
export const permissionFaults = ({ resources }: StackSet): string[] =>
  resources
    .filter(({ type }) => type.startsWith("aws:"))
    .flatMap((each) =>
      (["policy", "assumeRolePolicy"] as const).flatMap((key) => {
        const text = each.inputs[key];
        if (typeof text !== "string") return [];
        const isKey = each.type === "aws:kms/key:Key";
        return (JSON.parse(text) as PolicyDocument).Statement.flatMap((statement) =>
          (isKey ? keyFaults(statement) : statementFaults(statement, key === "assumeRolePolicy")).map(
            (fault) => `${label(each)} ${fault}`,
          ),
        );
      }),
    );
