/** A command that ends without success: the message is for people, the code for scripts. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * What an update of the engine failed for: the errors of the resources and the exit code that they name;
 * where no resource failed (another update holds the stack, say), the engine's own words.
 */
export function engineFailure(error: unknown, resourceErrors: readonly string[]): CommandFailure {
  const own = resourceErrors.filter((line) => !/^(error: )?(update|preview|destroy) failed/.test(line));
  const message = own.length > 0 ? own.join("\n") : engineWords(error);
  const code = /\(exit code (\d+)/.exec(message)?.[1];
  return new CommandFailure(message, code === undefined ? 1 : Number(code));
}

/** The Automation API puts `stderr:` and a stack trace into one message; people need the errors of it. */
function engineWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const errors = text.split("\n").filter((line) => /^\s*(stderr: )?error: /.test(line));
  const words = (errors.length > 0 ? errors : [text]).map((line) => line.replace(/^\s*stderr: /, ""));
  return [...new Set(words)].join("\n");
}
