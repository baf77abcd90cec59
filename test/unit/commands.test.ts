import fs from "node:fs";
import path from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { commands } from "../../cli/commands.ts";
import { projectRoot } from "../../cli/project.ts";

describe("the command line", () => {
  it.each(Object.entries(commands))("is registered under its own name: %s", async (name, load) => {
    const program = new Command();
    (await load()).register(program);
    expect(program.commands.map((command) => command.name())).toEqual([name]);
  });

  it("is told in the README, command by command", () => {
    const readme = fs.readFileSync(path.join(projectRoot, "README.md"), "utf8");
    for (const name of Object.keys(commands))
      expect(readme).toMatch(new RegExp(`\\| \`(npx tuneform|npm run|npm run -s) ${name}\\b`));
  });
});
