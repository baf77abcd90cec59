// Job `comment` of a pull request: makes the one comment or edits it. It holds a token that writes, so it runs
// from the base commit, without packages, and takes what job `plan` made as text only.
import fs from "node:fs";
import { COMMENT_LIMIT, cutToComment, MARKER } from "../../core/plan/comment.ts";

interface Comment {
  id: number;
  body?: string | null;
  user: { login: string } | null;
}

/** Whose comments are ours: anybody can write the marker into a comment of their own. */
const AUTHOR = "github-actions[bot]";
const PER_PAGE = 100;

const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; the workflow sets it`);
  return value;
};

/** What job `plan` wrote and which commit it speaks of, within GitHub's limit. */
function commentBody(): string {
  const file = setting("COMMENT_FILE");
  const planned = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
  const text = planned.startsWith(`${MARKER}\n`)
    ? planned
    : `${MARKER}\n**No plan:** job \`plan\` ended before it had one. Its log says why.\n`;
  const commit = `\nOf commit \`${setting("HEAD_COMMIT").slice(0, 12)}\`.\n`;
  return cutToComment(text, COMMENT_LIMIT - commit.length) + commit;
}

async function request(method: string, path: string, content?: object): Promise<Response> {
  return fetch(`${setting("GITHUB_API_URL")}/repos/${setting("GITHUB_REPOSITORY")}/${path}`, {
    method,
    headers: {
      Accept: "application/vnd.github+json",
      Authorization: `Bearer ${setting("GITHUB_TOKEN")}`,
      "Content-Type": "application/json",
      "X-GitHub-Api-Version": "2022-11-28",
    },
    ...(content === undefined ? {} : { body: JSON.stringify(content) }),
  });
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw new Error(`GitHub answered ${response.status} to ${response.url}: ${await response.text()}`);
}

async function earlierComment(number: number): Promise<Comment | undefined> {
  for (let page = 1; ; page++) {
    const path = `issues/${number}/comments?per_page=${PER_PAGE}&page=${page}`;
    const comments = (await (await checked(await request("GET", path))).json()) as Comment[];
    const found = comments.find(
      ({ body, user }) => user?.login === AUTHOR && body?.startsWith(MARKER) === true,
    );
    if (found !== undefined || comments.length < PER_PAGE) return found;
  }
}

/** Into the job's summary, where nobody gave us a token that writes. */
function summarise(body: string, why: string): void {
  fs.appendFileSync(setting("GITHUB_STEP_SUMMARY"), body);
  console.log(`::notice title=Plan in the summary::${why}`);
}

async function post(body: string): Promise<void> {
  const number = Number(setting("PULL_REQUEST"));
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`PULL_REQUEST is not a number`);
  const earlier = await earlierComment(number);
  const response =
    earlier === undefined
      ? await request("POST", `issues/${number}/comments`, { body })
      : await request("PATCH", `issues/comments/${earlier.id}`, { body });
  if (response.status === 403)
    return summarise(body, "this run's token may not comment, as with pull requests of Dependabot");
  await checked(response);
  console.log(earlier === undefined ? "commented" : `edited comment ${earlier.id}`);
}

const body = commentBody();
if (setting("HEAD_REPOSITORY") === setting("GITHUB_REPOSITORY")) await post(body);
else
  summarise(
    body,
    "a fork gets no token that writes and no `pulumi preview`; the plan is in this job's summary",
  );
