import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AwsFineTune, AwsPlan } from "../../core/plan/aws-plan.ts";

/** Percent of the budget at which its people are told. */
const TOLD_AT = [80, 100];

/**
 * A monthly budget for each fine-tune. AWS counts with a delay of hours, so this tells and does not stop: what stops is
 * the Job's deadline, a pool's most nodes and the quota of vCPUs. AWS counts by a tag only once that tag was activated
 * for cost allocation in the payer's account: docs/aws.md.
 */
export class CostGuards extends pulumi.ComponentResource {
  constructor(name: string, { plan }: { plan: AwsPlan }, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:CostGuards", name, {}, opts);
    for (const fineTune of plan.fineTunes) this.#declareBudget(plan, fineTune);
    this.registerOutputs({});
  }

  #declareBudget({ name: stack, budget, tags }: AwsPlan, { name, owner }: AwsFineTune): void {
    if (budget === null) return;
    new aws.budgets.Budget(
      name,
      {
        name: `${stack}-${name}`,
        budgetType: "COST",
        timeUnit: "MONTHLY",
        limitAmount: String(budget.monthlyUsd),
        limitUnit: "USD",
        costFilters: [{ name: "TagKeyValue", values: [`user:finetune$${name}`] }],
        notifications: TOLD_AT.map((threshold) => ({
          notificationType: "ACTUAL",
          comparisonOperator: "GREATER_THAN",
          threshold,
          thresholdType: "PERCENTAGE",
          subscriberEmailAddresses: budget.emails,
        })),
        tags: { ...tags, finetune: name, ...(owner === "" ? {} : { owner }) },
      },
      { parent: this },
    );
  }
}
