// The test equipment's stand-in for the Kubernetes provider does not take values that the engine marks as
// secret (`data` of every Secret): they are unwrapped on the way in. Run as
// `node provider-standin.cjs <the stand-in's own file> [arguments]`.
const { createRequire } = require("node:module");
const path = require("node:path");

const [, , standin = "", ...rest] = process.argv;
const from = createRequire(path.resolve(standin));
const server = from("@pulumi/pulumi/provider/server");

/** How a secret looks in a property that crosses to a provider: pulumi/sdk, runtime/rpc. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** @type {(value: any) => any} */
const plain = (value) => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if (value[SIGNATURE] === SECRET) return plain(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};

const main = server.main;
/** @type {(provider: any, args: string[]) => unknown} */
server.main = (provider, args) => {
  for (const method of ["check", "diff", "create", "update"]) {
    const own = provider[method].bind(provider);
    /** @type {(...given: any[]) => unknown} */
    const unwrapped = (...given) => own(...given.map(plain));
    provider[method] = unwrapped;
  }
  return main(provider, args);
};

process.argv.splice(2, process.argv.length - 2, ...rest);
from(path.resolve(standin));
