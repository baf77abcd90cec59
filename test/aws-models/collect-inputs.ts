import { collect } from "../aws/collect.ts";
import { stateLikeAws, type Inputs } from "../aws/mock-state.ts";

/** A resource of AWS as the program declares it. */
export interface Declared {
  type: string;
  name: string;
  inputs: Inputs;
}

/** AWS's resources that a program declares, with their inputs. It calls nothing: that would be an error. */
export async function collectInputs(stack: string, program: () => Promise<unknown>): Promise<Declared[]> {
  // A preview: nothing waits for what a run would write.
  const { resources, invokes } = await collect(program, { stack, preview: true, stateOf: stateLikeAws });
  if (invokes.length > 0)
    throw new Error(`the program asks ${invokes.join(", ")}, and nothing may be asked before it is up`);
  return resources
    .filter(({ type }) => type.startsWith("aws:"))
    .map(({ type, name, inputs }) => ({ type, name, inputs }));
}
