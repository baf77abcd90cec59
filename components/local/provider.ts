import type * as pulumi from "@pulumi/pulumi";

/**
 * What a dynamic resource of the local target does. Each lives in a module of its own in this folder
 * and exports a `lifecycle`; it is loaded in the provider process, at run time.
 */
export interface Lifecycle<Inputs, Outputs> {
  /** Is there anything to do, given what is recorded and the world as it is now? Reads only. */
  diff(old: Outputs, inputs: Inputs): Promise<boolean>;
  /** Makes it true; must find its own earlier half-finished work. Throws with a message for people. */
  create(inputs: Inputs): Promise<{ id: string; outputs: Outputs }>;
  update(old: Outputs, inputs: Inputs): Promise<Outputs>;
  delete(old: Outputs): Promise<void>;
}

// The engine hands plain JSON to and fro; each module knows its own shape.
type AnyLifecycle = Lifecycle<unknown, unknown>;

/**
 * The provider that ends up, as text, in the stack's state.
 *
 * Pulumi replaces a dynamic resource whenever this text changes, so it is as small as can be and says
 * only where the code is: `components/local/<module>` of the project folder that the engine runs in.
 * Imports happen inside the methods because captured modules do not serialize under ESM.
 */
export function localProvider(module: string): pulumi.dynamic.ResourceProvider {
  const load = async (): Promise<AnyLifecycle> => {
    const fs = await import("node:fs");
    const path = await import("node:path");
    const { pathToFileURL } = await import("node:url");
    const loader = path.join("components", "local", "load.js");
    let root = process.cwd();
    while (!fs.existsSync(path.join(root, loader))) {
      if (path.dirname(root) === root) throw new Error(`${process.cwd()} is not inside a Tuneform project`);
      root = path.dirname(root);
    }
    const { load } = (await import(pathToFileURL(path.join(root, loader)).href)) as {
      load: (module: string) => Promise<AnyLifecycle>;
    };
    return load(module);
  };
  return {
    async diff(_id, old, inputs) {
      return { changes: await (await load()).diff(old, inputs), deleteBeforeReplace: true };
    },
    async create(inputs) {
      const { id, outputs } = await (await load()).create(inputs);
      return { id, outs: outputs as object };
    },
    async update(_id, old, inputs) {
      return { outs: (await (await load()).update(old, inputs)) as object };
    },
    async delete(_id, old) {
      await (await load()).delete(old);
    },
  };
}
