import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { PROGRESS_MARK } from "../components/local/progress-lines.ts";

/**
 * Shows what the engine tells. In a terminal a progress line is overwritten by the next line of the
 * same fine-tune; elsewhere every line stays.
 */
export class EngineDisplay {
  readonly #out: NodeJS.WriteStream;
  readonly #errors: string[] = [];
  #overwritable = false;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  /** Error messages so far, in order. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  line(text: string): void {
    const progress = text.includes(PROGRESS_MARK);
    const shown = this.#out.isTTY && progress ? text.slice(0, (this.#out.columns || 80) - 1) : text;
    if (this.#overwritable) this.#out.write("\r\x1b[2K");
    this.#overwritable = this.#out.isTTY && progress;
    this.#out.write(this.#overwritable ? shown : `${shown}\n`);
  }

  readonly onEvent = (event: EngineEvent): void => {
    const message = event.diagnosticEvent;
    // The engine's typings leave "debug" out, but it sends its own and the SDK's debug lines too.
    if (message !== undefined && (message.severity as string) !== "debug") {
      const text = message.message.trimEnd();
      if (message.severity === "error") this.#errors.push(text);
      else if (text !== "" && !NOISE.test(text)) this.line(text);
    }
    // A preview sends the same events for what an update would do.
    if (event.resOutputsEvent?.planning) return;
    const step = event.resOutputsEvent?.metadata ?? event.resOpFailedEvent?.metadata;
    if (step !== undefined && step.op !== "same" && step.type !== "pulumi:pulumi:Stack") {
      const failed = event.resOpFailedEvent !== undefined;
      this.line(`${nameOf(step.urn)} ${failed ? `${step.op} failed` : (pastTense[step.op] ?? step.op)}`);
    }
  };
}

/** Of the engine, at every update: where it found the program that runs resources of our own. */
const NOISE = /^using pulumi-resource-\S+ from /;

const pastTense: Record<string, string> = { create: "created", update: "updated", delete: "deleted" };

/** `spam-triage-run (Run)` of `urn:pulumi:dev::tuneform::…$pulumi-nodejs:dynamic/tuneform:Run::spam-triage-run`. */
function nameOf(urn: string): string {
  const [, , types = "", name = urn] = urn.split("::");
  return `${name} (${types.split(":").at(-1) ?? ""})`;
}
