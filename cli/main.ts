import { Command, CommanderError } from "commander";
import { formatProblems, InvalidInput } from "../core/spec/problems.ts";
import { EnvironmentFailure } from "../setup/failure.ts";
import { stopWithoutReader } from "./closed-output.ts";
import { commands } from "./commands.ts";
import { CommandFailure } from "./failure.ts";

const program = new Command("tuneform")
  .description("A fine-tune of a small language model as a piece of infrastructure")
  .showHelpAfterError()
  .exitOverride();
const asked = commands.get(process.argv[2] ?? "");
const loaded = await Promise.all(
  (asked === undefined ? [...commands.values()] : [asked]).map((load) => load()),
);
for (const command of loaded) command.register(program);

stopWithoutReader();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof InvalidInput) {
    console.error(formatProblems(error.problems));
    process.exitCode = error.exitCode;
  } else if (error instanceof CommandFailure || error instanceof EnvironmentFailure) {
    console.error(error.message);
    process.exitCode = error.exitCode;
  } else if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    throw error;
  }
}
