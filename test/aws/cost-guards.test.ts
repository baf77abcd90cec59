import { describe, expect, it } from "vitest";
import { CostGuards } from "../../components/aws/cost-guards.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import { awsExample } from "./aws-example.ts";
import { declaredBy } from "./declared.ts";

const fineTunes = ["triage", "routing"].map((name) => ({ name, owner: "mail", dataKeys: [] }));
const budgetsOf = async (budget: AwsPlan["budget"]) => {
  const plan = { ...awsExample(), fineTunes, budget };
  const { resources } = await declaredBy(() => new CostGuards("test", { plan }));
  const budgets = resources.filter(({ key }) => key.startsWith("Budget/"));
  return Object.fromEntries(budgets.map(({ name, inputs }) => [name, inputs]));
};

describe("budgets", () => {
  it("are monthly, one for each fine-tune, of what carries its tag", async () => {
    const emails = ["ml@example.com"];
    const { triage, ...more } = await budgetsOf({ monthlyUsd: 200, emails });
    expect(Object.keys(more)).toEqual(["routing"]);
    expect(triage).toMatchObject({
      name: "tuneform-test-triage",
      budgetType: "COST",
      timeUnit: "MONTHLY",
      limitAmount: "200",
      limitUnit: "USD",
      costFilters: [{ name: "TagKeyValue", values: ["user:finetune$triage"] }],
      tags: { project: "tuneform", finetune: "triage", owner: "mail" },
    });
  });

  it("tell their people at 80 and at 100 percent of what was spent", async () => {
    const emails = ["ml@example.com", "finance@example.com"];
    const { triage } = await budgetsOf({ monthlyUsd: 200, emails });
    expect(triage?.["notifications"]).toEqual(
      [80, 100].map((threshold) => ({
        notificationType: "ACTUAL",
        comparisonOperator: "GREATER_THAN",
        threshold,
        thresholdType: "PERCENTAGE",
        subscriberEmailAddresses: emails,
      })),
    );
  });

  it("are none where the stack declares none", async () => expect(await budgetsOf(null)).toEqual({}));
});
