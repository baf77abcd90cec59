import path from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { projectRoot } from "../../cli/project.ts";

// In a process of its own, as the engine runs it: without tsx.
it("loads what a resource does from TypeScript, and what its modules share only once", async () => {
  const program = `
    const { load } = await import(${JSON.stringify(path.join(projectRoot, "components", "local", "load.js"))});
    const [alias, again, server] = [await load("alias.ts"), await load("alias.ts"), await load("server.ts")];
    console.log(JSON.stringify([typeof alias.create, typeof server.diff, alias === again]));`;
  const { stdout } = await execa(process.execPath, ["--input-type=module", "-e", program]);
  expect(JSON.parse(stdout)).toEqual(["function", "function", true]);
});
