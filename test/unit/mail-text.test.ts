import { describe, expect, it } from "vitest";
import { readMail } from "../../examples/mail/mail-text.ts";

const mail = (headers: string[], body: string) => `${headers.join("\n")}\n\n${body}`;

describe("the text of a mail", () => {
  it("drops the mailbox line, list tags and reply marks", async () => {
    const raw = `From a@b Mon\n${mail(["Subject: Re: [List] Hello there", "To: list@example.org"], "Body of the mail, long enough.")}`;
    expect(await readMail(raw)).toEqual({
      subject: "Re: Hello there",
      body: "Body of the mail, long enough.",
      thread: "hello there",
      lists: " list@example.org",
    });
  });

  it("decodes quoted-printable and folds white space", async () => {
    const raw = mail(
      [
        "Subject: x",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
      ],
      "caf=C3=A9   and\n\nmore words here",
    );
    expect((await readMail(raw)).body).toBe("café and more words here");
  });

  it("takes the words of HTML without its tags and addresses", async () => {
    const raw = mail(
      ["Subject: x", "Content-Type: text/html"],
      '<p>Click <a href="http://x.example">this link</a> now, it is free</p>',
    );
    expect((await readMail(raw)).body).toBe("Click this link now, it is free");
  });

  it("holds no control or replacement characters", async () => {
    expect((await readMail(mail(["Subject: x"], "a\u0007b and some more words"))).body).toBe(
      "a b and some more words",
    );
  });
});
