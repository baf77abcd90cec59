import fs from "node:fs";
import path from "node:path";
import { Command } from "commander";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { commands } from "../../cli/commands.ts";
import { projectRoot } from "../../cli/project.ts";

describe("the command line", () => {
  it.each([...commands])("is registered under its own name: %s", async (name, load) => {
    const program = new Command();
    (await load()).register(program);
    expect(program.commands.map((command) => command.name())).toEqual([name]);
  });

  it.each(["upp", "constructor"])("answers `%s`, which is no command, with its help", async (name) => {
    const cli = ["--import", "tsx", path.join(projectRoot, "cli", "main.ts"), name];
    const { exitCode, stderr } = await execa(process.execPath, cli, { reject: false });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(new RegExp(`unknown command '${name}'[^]*compare-bases`));
  });

  it("is told in the README, command by command", () => {
    const readme = fs.readFileSync(path.join(projectRoot, "README.md"), "utf8");
    for (const name of commands.keys())
      expect(readme).toMatch(new RegExp(`\\| \`(npx tuneform|npm run|npm run -s) ${name}\\b`));
  });
});
