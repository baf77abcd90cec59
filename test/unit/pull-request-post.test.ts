import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { COMMENT_LIMIT, MARKER } from "../../core/plan/comment.ts";

const root = path.resolve(import.meta.dirname, "..", "..");
const tsx = path.join(root, "node_modules", "tsx", "dist", "esm", "index.mjs");

interface Comment {
  id: number;
  body: string;
  user: { login: string };
}

/** As much of GitHub's API as the script speaks: list, create and edit comments of pull request 7. */
class PretendGitHub {
  readonly comments: Comment[] = [];
  readonly requests: string[] = [];
  readonly tokens = new Set<string | undefined>();
  /** Answers what writes with this status instead. */
  refuses: number | null = null;
  private readonly server = http.createServer((request, response) => {
    let content = "";
    request.on("data", (data: Buffer) => (content += data.toString()));
    request.on("end", () => {
      const { method = "", url = "" } = request;
      this.requests.push(`${method} ${url}`);
      this.tokens.add(request.headers.authorization);
      const { status, answer } = this.answer(method, url, content);
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
    });
  });

  async listen(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await new Promise((resolve) => this.server.once("listening", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  add(login: string, body: string): void {
    this.comments.push({ id: 1000 + this.comments.length, body, user: { login } });
  }

  private answer(method: string, url: string, content: string): { status: number; answer: unknown } {
    const { pathname, searchParams } = new URL(url, "http://github");
    const list = "/repos/acme/models/issues/7/comments";
    if (method === "GET" && pathname === list) {
      const [size, page] = ["per_page", "page"].map((name) => Number(searchParams.get(name))) as [
        number,
        number,
      ];
      return { status: 200, answer: this.comments.slice(size * (page - 1), size * page) };
    }
    if (this.refuses !== null)
      return { status: this.refuses, answer: { message: "Resource not accessible" } };
    const { body } = JSON.parse(content) as { body: string };
    // GitHub refuses a longer one with this status.
    if (body.length > COMMENT_LIMIT) return { status: 422, answer: { message: "body is too long" } };
    if (method === "POST" && pathname === list) {
      this.add("github-actions[bot]", body);
      return { status: 201, answer: {} };
    }
    const edited = this.comments.find(({ id }) => pathname === `/repos/acme/models/issues/comments/${id}`);
    if (method !== "PATCH" || edited === undefined) return { status: 404, answer: { message: "Not Found" } };
    edited.body = body;
    return { status: 200, answer: {} };
  }
}

describe("the script that comments on a pull request", () => {
  const github = { current: new PretendGitHub() };
  let url: string;
  let folder: string;

  beforeEach(async () => {
    github.current = new PretendGitHub();
    url = await github.current.listen();
    // What the sparse checkout of the base commit holds, and no packages.
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-comment-"));
    for (const part of [".github/scripts", "core/plan", "package.json"])
      fs.cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  });
  afterEach(() => {
    github.current.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** `plan`: what job `plan` left, null where it left nothing. */
  async function run(plan: string | null, settings: Record<string, string> = {}) {
    const file = path.join(folder, "comment.md");
    const summary = path.join(folder, "summary.md");
    fs.rmSync(file, { force: true });
    if (plan !== null) fs.writeFileSync(file, plan);
    fs.writeFileSync(summary, "");
    const { exitCode, all } = await execa(process.execPath, ["--import", tsx, ".github/scripts/comment.ts"], {
      cwd: folder,
      extendEnv: false,
      reject: false,
      all: true,
      env: {
        PATH: process.env["PATH"],
        COMMENT_FILE: file,
        GITHUB_API_URL: url,
        GITHUB_REPOSITORY: "acme/models",
        GITHUB_STEP_SUMMARY: summary,
        GITHUB_TOKEN: "a-token",
        HEAD_COMMIT: "0123456789abcdef",
        HEAD_REPOSITORY: "acme/models",
        PULL_REQUEST: "7",
        ...settings,
      },
    });
    return { exitCode, all, summary: fs.readFileSync(summary, "utf8") };
  }
  const bodies = () => github.current.comments.map(({ body }) => body);

  it("comments once, and edits that comment after the next commit", async () => {
    expect(await run(`${MARKER}\nfirst\n`)).toMatchObject({ exitCode: 0, summary: "" });
    expect(bodies()).toEqual([`${MARKER}\nfirst\n\nOf commit \`0123456789ab\`.\n`]);
    expect(await run(`${MARKER}\nsecond\n`, { HEAD_COMMIT: "fedcba9876543210" })).toMatchObject({
      exitCode: 0,
    });
    expect(bodies()).toEqual([`${MARKER}\nsecond\n\nOf commit \`fedcba987654\`.\n`]);
    expect([...github.current.tokens]).toEqual(["Bearer a-token"]);
  });

  it("finds its comment behind more than a page of others, and leaves a stranger's with the marker alone", async () => {
    github.current.add("mallory", `${MARKER}\nmine`);
    for (let index = 0; index < 120; index++) github.current.add("somebody", "talk");
    github.current.add("github-actions[bot]", `${MARKER}\nold`);
    await run(`${MARKER}\nnew\n`);
    expect(bodies()[0]).toBe(`${MARKER}\nmine`);
    expect(bodies()[121]).toContain("new");
    expect(bodies()).toHaveLength(122);
  });

  it("of a fork asks GitHub for nothing: the plan is in the summary, with a notice", async () => {
    const { exitCode, all, summary } = await run(`${MARKER}\nplan\n`, { HEAD_REPOSITORY: "mallory/models" });
    expect(exitCode).toBe(0);
    expect(summary).toContain("plan");
    expect(all).toMatch(/^::notice .*fork.*summary/m);
    expect(github.current.requests).toEqual([]);
  });

  it("with a token that may not comment puts the plan into the summary", async () => {
    github.current.refuses = 403;
    const { exitCode, all, summary } = await run(`${MARKER}\nplan\n`);
    expect({ exitCode, summary }).toMatchObject({
      exitCode: 0,
      summary: expect.stringContaining("plan") as string,
    });
    expect(all).toMatch(/^::notice .*may not comment/m);
  });

  it("fails where GitHub does, with its answer", async () => {
    github.current.refuses = 500;
    const { exitCode, all } = await run(`${MARKER}\nplan\n`);
    expect(exitCode).toBe(1);
    expect(all).toMatch(/GitHub answered 500 .*Resource not accessible/);
  });

  it.each([
    ["left nothing", null],
    ["left something else", "anything"],
  ])("says that there is no plan where job `plan` %s, over the former one", async (_what, plan) => {
    await run(`${MARKER}\nformer\n`);
    await run(plan);
    expect(bodies()).toHaveLength(1);
    expect(bodies()[0]).toMatch(/\*\*No plan:\*\* job `plan` ended before it had one/);
  });

  it("keeps below GitHub's limit, the line with the commit included", async () => {
    const { exitCode } = await run(`${MARKER}\n${"a line\n".repeat(20_000)}`);
    expect(exitCode).toBe(0);
    expect(bodies()[0]?.length).toBeLessThanOrEqual(COMMENT_LIMIT);
    expect(bodies()[0]).toMatch(/Cut here: [^]*Of commit `0123456789ab`\.\n$/);
  });

  it("takes no number from the plan, and no pull request that is not a number", async () => {
    const { exitCode, all } = await run(`${MARKER}\nplan\n`, { PULL_REQUEST: "7/../8" });
    expect(exitCode).toBe(1);
    expect(all).toContain("PULL_REQUEST is not a number");
    expect(github.current.requests).toEqual([]);
  });
});
