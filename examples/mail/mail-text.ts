import { convert } from "html-to-text";
import PostalMime from "postal-mime";

export interface MailText {
  /** Without reply marks and mailing-list tags, which would give the answer away. */
  subject: string;
  /** Plain text with white space folded. */
  body: string;
  /** The same for all mails of a thread. */
  thread: string;
  /** List-Id and To headers in lower case. */
  lists: string;
}

/** The text of a raw mail: MIME decoded, HTML stripped of tags. */
export async function readMail(raw: string): Promise<MailText> {
  const mail = await PostalMime.parse(withoutMailboxLine(raw));
  const html =
    mail.html === undefined ? "" : convert(mail.html, { wordwrap: false, selectors: plainSelectors });
  const plain = fold(mail.text ?? "");
  const subject = fold((mail.subject ?? "").replaceAll(/\[[^\]]{1,30}\]/g, " "));
  const header = (name: string) =>
    mail.headers
      .filter(({ key }) => key === name)
      .map(({ value }) => value)
      .join(" ");
  return {
    subject,
    body: plain.length >= 20 ? plain : fold(html),
    thread: subject
      .toLowerCase()
      .replaceAll(/\b(re|fwd?|aw)\s*:/g, "")
      .replaceAll(/[^a-z0-9]+/g, " ")
      .trim(),
    lists: `${header("list-id")} ${header("to")}`.toLowerCase(),
  };
}

const plainSelectors = [
  { selector: "a", options: { ignoreHref: true } },
  { selector: "img", format: "skip" },
];

/** `From sender date` before the headers is the mailbox's, not the mail's. */
function withoutMailboxLine(raw: string): string {
  return raw.startsWith("From ") ? raw.slice(raw.indexOf("\n") + 1) : raw;
}

function fold(text: string): string {
  // Control and replacement characters come from broken encodings; the data firewall refuses or reports them.
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zs}\s\uFFFD]+/gu, " ")
    .trim();
}
