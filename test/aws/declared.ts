import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { vi } from "vitest";

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

/** What the generated stubs of @grpc/grpc-js say of a registration. */
interface Registration {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
  getDependenciesList(): string[];
  getIgnorechangesList(): string[];
}

type Register = MockMonitor["registerResource"];

/** Outputs that AWS answers, of the shape that it has. */
const ANSWERS: Record<string, (name: string) => object> = {
  "aws:iam/role:Role": (name) => ({ arn: `arn:aws:iam::111122223333:role/${name}`, name }),
  "aws:kms/key:Key": (name) => ({ arn: `arn:aws:kms:us-east-1:111122223333:key/${name}` }),
  "aws:eks/cluster:Cluster": () => ({
    endpoint: "https://0123.gr7.us-east-1.eks.amazonaws.com",
    certificateAuthority: { data: "Q0VSVA==" },
  }),
  "aws:eks/nodeGroup:NodeGroup": (name) => ({
    resources: [{ autoscalingGroups: [{ name: `eks-${name}` }] }],
  }),
  "aws:ec2/launchTemplate:LaunchTemplate": () => ({ latestVersion: 1 }),
};

export interface Program<T> {
  resources: Declared[];
  /** Calls of the provider: none, or a preview would ask AWS. */
  calls: string[];
  result: T;
}

/** Run a program under mocks and collect what it declares, with its order. */
export async function declaredBy<T>(program: () => T): Promise<Program<T>> {
  const resources: Declared[] = [];
  const calls: string[] = [];
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, inputs }) => {
      const found = resources.find((each) => each.type === type && each.name === name);
      found!.inputs = inputs as Record<string, unknown>;
      return { id: `${name}-id`, state: { ...(inputs as object), ...ANSWERS[type]?.(name) } };
    },
    call: ({ token }) => {
      calls.push(token);
      return {};
    },
  });
  // Mocks are not told the order: the monitor is.
  const monitor = MockMonitor.prototype;
  const register = Object.getOwnPropertyDescriptor(monitor, "registerResource")!.value as Register;
  const spy = vi.spyOn(monitor, "registerResource").mockImplementation(function (this: MockMonitor, ...args) {
    const [request] = args as [Registration, unknown];
    resources.push({
      key: `${request.getType().split(":").at(-1)}/${request.getName()}`,
      type: request.getType(),
      name: request.getName(),
      inputs: {},
      after: request.getDependenciesList().map(keyOf),
      parent: keyOf(request.getParent()),
      protect: request.getProtect(),
      ignoreChanges: request.getIgnorechangesList(),
    });
    return register.apply(this, args);
  });
  const result = program();
  await pulumi.runtime.disconnect();
  spy.mockRestore();
  return { resources, calls, result };
}

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
