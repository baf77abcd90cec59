import * as pulumi from "@pulumi/pulumi";
import { mockState, type Inputs, type Made } from "./mock-state.ts";

/** A resource as the program asked the engine for it. */
export interface Collected {
  urn: string;
  /** `aws:eks/cluster:Cluster`. */
  type: string;
  /** Logical name. */
  name: string;
  /** Everything that was an output is the value that the mock gave. */
  inputs: Inputs;
  /** URN; null at the top. */
  parent: string | null;
  /** URNs of all that it waits for: `dependsOn`, whose outputs its inputs use, and its provider. */
  dependsOn: string[];
  protect: boolean;
  retainOnDelete: boolean;
  ignoreChanges: string[];
  /** Of a component: it is only a name for its children. */
  isComponent: boolean;
}

export interface Collection {
  resources: Collected[];
  /** Tokens of calls that a real program would send to a cloud. */
  invokes: string[];
  /** Resources that a real program would read from a cloud. */
  reads: string[];
}

/** What of the SDK's request is read here; its own type is of another package and not exported. */
interface Request {
  getParent(): string;
  getCustom(): boolean;
  /** `<urn>::<id>`, or empty. */
  getProvider(): string;
  getDependenciesList(): string[];
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getIgnorechangesList(): string[];
  getType(): string;
  getName(): string;
}

type Callback = (error: unknown, response?: { getUrn(): string }) => void;

interface Monitor {
  registerResource(request: Request, callback: Callback): Promise<void>;
}

interface Options {
  /** As `pulumi preview` runs it. */
  preview?: boolean;
  project?: string;
  stack?: string;
  /** What a cloud would answer. */
  stateOf?: (type: string, name: string, inputs: Inputs) => Made;
}

/**
 * Run a Pulumi program without an engine and a cloud, and collect what it declares. The program's error is thrown on;
 * one run at a time, since the SDK's settings are global.
 */
export async function collect(
  program: () => unknown,
  { preview = false, project = "tuneform", stack = "test", stateOf = mockState }: Options = {},
): Promise<Collection> {
  const found: Collection = { resources: [], invokes: [], reads: [] };
  // The monitor calls newResource before it first waits, so this is of the request at hand.
  let latest: Inputs = {};
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs, id, custom }) {
        const read = custom === true && id !== undefined && id !== "";
        if (read) found.reads.push(`${type} ${id}`);
        latest = inputs as Inputs;
        return stateOf(type, name, inputs as Inputs);
      },
      call({ token }) {
        found.invokes.push(token);
        return {};
      },
    },
    project,
    stack,
    preview,
  );
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const done = register(request, (error, response) => {
      if (response !== undefined) found.resources.push(collected(request, response.getUrn(), inputs));
      callback(error, response);
    });
    const inputs = latest;
    return done;
  };
  await program();
  // What nothing waits for is still on its way.
  await pulumi.runtime.disconnect();
  return found;
}

const collected = (request: Request, urn: string, inputs: Inputs): Collected => ({
  urn,
  type: request.getType(),
  name: request.getName(),
  inputs,
  parent: request.getParent() || null,
  dependsOn: [
    ...request.getDependenciesList(),
    ...(request.getProvider() === "" ? [] : [request.getProvider().split("::").slice(0, -1).join("::")]),
  ],
  protect: request.getProtect(),
  retainOnDelete: request.getRetainondelete(),
  ignoreChanges: request.getIgnorechangesList(),
  isComponent: !request.getCustom(),
});
