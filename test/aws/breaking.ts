import type { Collected } from "./collect.ts";
import type { Invariant } from "./invariants.ts";
import type { Inputs } from "./mock-state.ts";
import { list, ofType, podsOf, usesGpu, type StackSet } from "./stack-set.ts";

/** Breaks a sound set. */
export type Change = (set: StackSet) => void;

export function first<T>(found: readonly T[]): T {
  const [one] = found;
  if (one === undefined) throw new Error("the sound set has nothing to break");
  return one;
}

/** Change the inputs of the first resource of a type. */
export const inputsOf =
  (type: string, change: (inputs: Inputs, resource: Collected) => void): Change =>
  (set) => {
    const found = first(ofType(set, type));
    change(found.inputs, found);
  };

/** Add a statement to the first role's own policy whose name is like this. */
export const allowing =
  (statement: object, role = /./): Change =>
  (set) => {
    const { inputs } = first(ofType(set, "RolePolicy").filter(({ name }) => role.test(name)));
    const policy = JSON.parse(inputs["policy"] as string) as { Statement: object[] };
    policy.Statement.push({ Effect: "Allow", ...statement });
    inputs["policy"] = JSON.stringify(policy);
  };

export const gpuPod = (set: StackSet) => first(podsOf(set).filter(usesGpu)).spec as unknown as Inputs;
export const cpuPod = (set: StackSet) =>
  first(podsOf(set).filter((pod) => !usesGpu(pod))).spec as unknown as Inputs;
export const gpuGroup = (set: StackSet) =>
  first(ofType(set, "NodeGroup").filter(({ inputs }) => inputs["taints"]));

export const container = (pod: Inputs): Inputs =>
  first(list<Inputs>(pod["initContainers"] ?? pod["containers"]));

export const without = (set: StackSet, gone: (each: Collected) => boolean): void => {
  const count = set.resources.length;
  set.resources = set.resources.filter((each) => !gone(each));
  if (set.resources.length === count) throw new Error("the sound set has nothing to take away");
};

/** Rule, what breaks it, how, and what it has to say then. */
export type Broken = [Invariant, string, Change, RegExp];
