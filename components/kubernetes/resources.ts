import * as pulumi from "@pulumi/pulumi";
import { localProvider } from "../local/provider.ts";
import type { AliasInputs } from "./alias.ts";
import type { OutcomeInputs, OutcomeOutputs } from "./outcome.ts";
import type { StagingInputs, StagingOutputs } from "./staging.ts";

type Inputs<T> = { [K in keyof T]: pulumi.Input<T[K]> };

/** Follows a training Job to its end and reads the gate's verdict back. */
export class Outcome extends pulumi.dynamic.Resource {
  declare readonly state: pulumi.Output<OutcomeOutputs["state"]>;
  declare readonly reason: pulumi.Output<string>;
  declare readonly exitCode: pulumi.Output<number>;
  declare readonly score: pulumi.Output<OutcomeOutputs["score"]>;
  declare readonly improvement: pulumi.Output<OutcomeOutputs["improvement"]>;
  declare readonly metric: pulumi.Output<string | null>;
  declare readonly serving: pulumi.Output<OutcomeOutputs["serving"]>;
  declare readonly previous: pulumi.Output<OutcomeOutputs["previous"]>;

  constructor(name: string, inputs: Inputs<OutcomeInputs>, opts: pulumi.CustomResourceOptions) {
    // `undefined` tells the SDK that the provider fills these in.
    const outputs = {
      state: undefined,
      reason: undefined,
      exitCode: undefined,
      score: undefined,
      improvement: undefined,
      metric: undefined,
      serving: undefined,
      previous: undefined,
    };
    super(
      localProvider("../kubernetes/outcome.ts"),
      name,
      { ...inputs, ...outputs },
      opts,
      "tuneform",
      "Outcome",
    );
  }
}

/** Follows the Job that fetches a base model of the hub to its end. */
export class Staging extends pulumi.dynamic.Resource {
  declare readonly state: pulumi.Output<StagingOutputs["state"]>;
  declare readonly reason: pulumi.Output<string>;
  declare readonly exitCode: pulumi.Output<number>;

  constructor(name: string, inputs: Inputs<StagingInputs>, opts: pulumi.CustomResourceOptions) {
    const outputs = { state: undefined, reason: undefined, exitCode: undefined };
    super(
      localProvider("../kubernetes/staging.ts"),
      name,
      { ...inputs, ...outputs },
      opts,
      "tuneform",
      "Staging",
    );
  }
}

/** The name that applications call: done when the gateway answers with its run, failed where the gate said no. */
export class ClusterAlias extends pulumi.dynamic.Resource {
  constructor(name: string, inputs: Inputs<AliasInputs>, opts: pulumi.CustomResourceOptions) {
    super(localProvider("../kubernetes/alias.ts"), name, inputs, opts, "tuneform", "Alias");
  }
}
