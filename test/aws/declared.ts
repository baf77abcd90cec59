import type * as pulumi from "@pulumi/pulumi";
import { collect, type Collected } from "./collect.ts";

/** A resource as the engine is asked for it. */
export interface Declared {
  /** `Kind/name`, for example `Subnet/private-use1-az2`. */
  key: string;
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  /** Keys of what is made before it, and outlives it: by `dependsOn` and by inputs. */
  after: string[];
  /** Key of the component that it is part of. */
  parent: string;
  protect: boolean;
  ignoreChanges: string[];
}

export interface Program<T> {
  resources: Declared[];
  /** Calls of the provider: none, or a preview would ask AWS. */
  calls: string[];
  result: T;
}

/** Run a program under mocks and collect what it declares, with its order. */
export async function declaredBy<T>(program: () => T): Promise<Program<T>> {
  let result: T | undefined;
  const { resources, invokes } = await collect(() => (result = program()));
  return { resources: resources.map(declared), calls: invokes, result: result as T };
}

const declared = ({
  type,
  name,
  inputs,
  dependsOn,
  parent,
  protect,
  ignoreChanges,
}: Collected): Declared => ({
  key: `${type.split(":").at(-1)}/${name}`,
  type,
  name,
  inputs,
  after: dependsOn.map(keyOf),
  parent: keyOf(parent ?? ""),
  protect,
  ignoreChanges,
});

/** `Kind/name` of a URN. */
function keyOf(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  return `${types.split(":").at(-1)}/${name}`;
}

/** The value of an output, once everything is declared. */
export const valueOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  new Promise((resolve) => void output.apply(resolve));

/** Whether a resource is made after another, directly or through what lies between. */
export function isAfter(resources: readonly Declared[], later: string, earlier: string): boolean {
  const { after } = resources.find(({ key }) => key === later)!;
  return after.some((key) => key === earlier || isAfter(resources, key, earlier));
}

/** Of a program: its resources by kind and key, and their order. */
export const reading = (
  program: () => Pick<Program<{ ready: pulumi.Resource[] }>, "resources" | "result">,
) => ({
  kind: (name: string) => program().resources.filter(({ key }) => key.startsWith(`${name}/`)),
  /** Throws Error where there is none, or more than one. */
  one: (key: string): Declared => {
    const [found, ...more] = program().resources.filter((each) => each.key === key);
    if (found === undefined || more.length > 0) throw new Error(`${key}: not one`);
    return found;
  },
  after: (later: string, earlier: string) => isAfter(program().resources, later, earlier),
  /** Policies of a role that AWS keeps, by the role's name. */
  policiesOf: (role: string) =>
    program()
      .resources.filter(
        ({ key, inputs }) => key.startsWith("RolePolicyAttachment/") && inputs["role"] === role,
      )
      .map(({ inputs }) => inputs["policyArn"]),
  /** Keys of what a component calls ready. */
  ready: async () =>
    (await Promise.all(program().result.ready.map(({ urn }) => valueOf(urn)))).map((urn) => keyOf(urn)),
});
