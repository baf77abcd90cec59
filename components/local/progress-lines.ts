/** What `tuneform-trainer` prints with TUNEFORM_PROGRESS=json; see its progress.py. */
export type TrainerEvent =
  | { event: "stage"; stage: string; status: "start" | "done" | "skipped"; detail?: string }
  | {
      event: "progress";
      stage: string;
      step: number;
      of: number;
      etaSeconds?: number;
      loss?: number;
      tokensPerSecond?: number;
    }
  | { event: "log"; level: "info" | "warning"; message: string }
  | { event: "error"; code: number; message: string; problems: string[] };

/** Marks lines that a terminal may overwrite with the next one. */
export const PROGRESS_MARK = "▸";

/** Turns the trainer's events into lines for people, each beginning with the fine-tune's name. */
export class ProgressLines {
  readonly #name: string;
  readonly #intervalMs: number;
  #lastShown = 0;

  /** `TUNEFORM_PROGRESS_SECONDS` is the least time between two progress lines; 10 s suits a CI log. */
  constructor(name: string, seconds = Number(process.env["TUNEFORM_PROGRESS_SECONDS"] ?? 10)) {
    this.#name = name;
    this.#intervalMs = seconds * 1000;
  }

  /** Print a line of the trainer; returns the event it was, if it was one. */
  show(line: string): TrainerEvent | undefined {
    const event = parse(line);
    const text = event === undefined ? line.trim() : this.#text(event);
    if (text !== "") console.log(`${this.#name} ${text}`);
    return event;
  }

  #text(event: TrainerEvent): string {
    switch (event.event) {
      case "stage":
        return `${event.stage}: ${stageWords[event.status]}${event.detail === undefined ? "" : ` · ${event.detail}`}`;
      case "log":
        return event.level === "warning" ? `warning: ${event.message}` : event.message;
      case "error":
        return ""; // becomes the failure of the resource
      case "progress":
        return this.#isDue(event) ? progressText(event) : "";
    }
  }

  #isDue(event: { step: number; of: number }): boolean {
    const now = Date.now();
    if (event.step < event.of && now - this.#lastShown < this.#intervalMs) return false;
    this.#lastShown = now;
    return true;
  }
}

const stageWords = { start: "started", done: "done", skipped: "already done, skipped" } as const;

function parse(line: string): TrainerEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as TrainerEvent;
  } catch {
    return undefined;
  }
}

type Progress = Extract<TrainerEvent, { event: "progress" }>;

function progressText(event: Progress): string {
  const width = 20;
  const filled = Math.round((width * event.step) / Math.max(1, event.of));
  const bar = "█".repeat(filled) + "░".repeat(width - filled);
  return [
    `${event.stage} ${PROGRESS_MARK} ${bar} ${event.step}/${event.of}`,
    event.loss === undefined ? "" : `loss ${event.loss.toFixed(3)}`,
    event.tokensPerSecond === undefined ? "" : `${Math.round(event.tokensPerSecond)} tokens/s`,
    event.etaSeconds === undefined ? "" : `${duration(event.etaSeconds)} left`,
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

/** Seconds as people say them: "45 s", "3 min 05 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}
