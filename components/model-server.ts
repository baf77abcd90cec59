import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { ServerPlan } from "../core/plan/servers.ts";
import { TRAINER_VERSION } from "../core/plan/digest.ts";
import { LocalServer } from "./local/resources.ts";

export interface ModelServerArgs {
  plan: ServerPlan;
  /** Absolute path. */
  workspace: string;
}

/** Serves one base model and the adapters of all its fine-tunes under an OpenAI-compatible API. */
export class ModelServer extends pulumi.ComponentResource {
  /** Base URL for clients, ending in /v1. */
  readonly endpoint: string;
  /** Absolute path of this server's folder in the workspace. */
  readonly folder: string;

  constructor(name: string, args: ModelServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:index:ModelServer", name, {}, opts);
    const { plan, workspace } = args;
    this.folder = path.join(workspace, "servers", plan.key);
    this.endpoint = `http://${plan.server.host}:${plan.server.port}/v1`;
    new LocalServer(
      `${name}-process`,
      { server: plan.server, workspace, serverFolder: this.folder, trainerVersion: TRAINER_VERSION },
      { parent: this },
    );
    this.registerOutputs({ endpoint: this.endpoint });
  }
}
