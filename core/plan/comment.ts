// Free of imports: what posts the comment runs it with nothing installed.

/** First line of the comment; what posts it finds its earlier comment by it. */
export const MARKER = "<!-- tuneform:plan -->";

/** GitHub refuses a comment body of more characters. */
export const COMMENT_LIMIT = 65_536;

const CUT = "\n\n*Cut here: GitHub takes no longer comment. `npx tuneform plan` tells the rest.*\n";

/** The text, cut at the end of a line where it is too long for a comment, and saying so. */
export function cutToComment(text: string, limit: number = COMMENT_LIMIT): string {
  if (text.length <= limit) return text;
  const room = text.slice(0, limit - CUT.length);
  return room.slice(0, Math.max(0, room.lastIndexOf("\n"))) + CUT;
}
