import { Command, CommanderError } from "commander";
import { formatProblems, InvalidInput } from "../core/spec/problems.ts";
import * as check from "./check.ts";
import { stopWithoutReader } from "./closed-output.ts";
import * as compareBases from "./compare-bases.ts";
import * as destroy from "./destroy.ts";
import * as estimate from "./estimate.ts";
import * as models from "./models.ts";
import { CommandFailure } from "./failure.ts";
import { EnvironmentFailure } from "../setup/failure.ts";
import * as outputs from "./outputs.ts";
import * as plan from "./plan.ts";
import * as preview from "./preview.ts";
import * as render from "./render.ts";
import * as status from "./status.ts";
import * as up from "./up.ts";

const program = new Command("tuneform")
  .description("A fine-tune of a small language model as a piece of infrastructure")
  .showHelpAfterError()
  .exitOverride();
const commands = [check, plan, estimate, compareBases, models, preview, render, up, status, outputs, destroy];
for (const command of commands) command.register(program);

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
