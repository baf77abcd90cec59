import fs from "node:fs";
import path from "node:path";

/** Absolute path of a program as the shell would find it; undefined where PATH has none. */
export function findOnPath(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.resolve(folder, program)).find(isProgram);
}

/** Whether this is a file that may be executed. */
export function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
