import { EXIT_CODES } from "../core/spec/exit-codes.ts";

/** The machine lacks something that cannot be installed from here; the message says what to do. */
export class EnvironmentFailure extends Error {
  readonly exitCode = EXIT_CODES.ENVIRONMENT.code;
}
