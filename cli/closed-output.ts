/**
 * Ask this process to stop, once, when nobody reads what it writes any more: a closed pipe, a terminal that is
 * gone. Without this the engine's own handler of uncaught errors writes the error to the same closed pipe, fails
 * again, and so on until memory is full.
 */
export function stopWithoutReader(): void {
  let isAsked = false;
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
      if (isAsked) return;
      isAsked = true;
      process.kill(process.pid, "SIGTERM");
    });
}
