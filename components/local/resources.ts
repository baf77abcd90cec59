import * as pulumi from "@pulumi/pulumi";
import type { AliasInputs } from "./alias.ts";
import { localProvider } from "./provider.ts";
import type { RunInputs, RunOutputs } from "./run.ts";
import type { ServerInputs } from "./server.ts";

type Inputs<T> = { [K in keyof T]: pulumi.Input<T[K]> };

/** A fine-tune's stages on this machine: done once per run id. */
export class LocalRun extends pulumi.dynamic.Resource {
  declare readonly modelId: pulumi.Output<string>;
  declare readonly adapter: pulumi.Output<string>;
  declare readonly verdict: pulumi.Output<string>;
  declare readonly score: pulumi.Output<RunOutputs["score"]>;
  declare readonly report: pulumi.Output<string>;

  constructor(name: string, inputs: RunInputs, opts: pulumi.CustomResourceOptions) {
    // `undefined` tells the SDK that the provider fills these in.
    const outputs = {
      modelId: undefined,
      adapter: undefined,
      verdict: undefined,
      score: undefined,
      report: undefined,
    };
    super(localProvider("run.ts"), name, { ...inputs, ...outputs }, opts, "tuneform", "Run");
  }
}

/** One server process for all fine-tunes of a base model. */
export class LocalServer extends pulumi.dynamic.Resource {
  constructor(name: string, inputs: ServerInputs, opts: pulumi.CustomResourceOptions) {
    super(localProvider("server.ts"), name, { ...inputs }, opts, "tuneform", "Server");
  }
}

/** The name that applications call, pointed at one immutable adapter. */
export class LocalAlias extends pulumi.dynamic.Resource {
  constructor(name: string, inputs: Inputs<AliasInputs>, opts: pulumi.CustomResourceOptions) {
    super(localProvider("alias.ts"), name, inputs, opts, "tuneform", "Alias");
  }
}
