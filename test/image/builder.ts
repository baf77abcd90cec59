import { execa } from "execa";

/** What builds and runs images here. */
export interface Builder {
  program: string;
  build: (args: string[]) => Promise<void>;
  /** What a shell script prints in a container of an image, on a read-only root where the program can. */
  shell: (image: string, script: string) => Promise<string>;
  remove: (image: string) => Promise<void>;
}

/** The first of docker, podman and buildah that answers; a client whose daemon does not run is none. */
export async function findBuilder(): Promise<Builder | null> {
  for (const program of ["docker", "podman", "buildah"])
    if (!(await execa(program, ["info"], { reject: false })).failed) return builderOf(program);
  return null;
}

function builderOf(program: string): Builder {
  return {
    program,
    async build(args) {
      await execa(program, ["build", ...args], { stdio: ["ignore", "inherit", "inherit"] });
    },
    shell: (image, script) =>
      (program === "buildah" ? inWorkingContainer : inContainer)(program, image, script),
    async remove(image) {
      await execa(program, ["rmi", "--force", image], { reject: false });
    },
  };
}

async function inContainer(program: string, image: string, script: string): Promise<string> {
  const run = ["run", "--rm", "--read-only", "--entrypoint", "sh", image, "-c", script];
  return (await execa(program, run)).stdout;
}

/** buildah has no `run` of images. */
async function inWorkingContainer(program: string, image: string, script: string): Promise<string> {
  const { stdout: container } = await execa(program, ["from", image]);
  try {
    return (await execa(program, ["run", container, "--", "sh", "-c", script])).stdout;
  } finally {
    await execa(program, ["rm", container], { reject: false });
  }
}
