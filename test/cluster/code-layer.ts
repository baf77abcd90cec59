import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";

/**
 * A layer on top of an image that the test cluster has already, as an archive that holds the new layer only:
 * the locked environment is 6 GB and takes minutes, the project's own code changes with every commit.
 */
export interface CodeLayer {
  /** Image to build on, and the name of the new one. */
  base: string;
  name: string;
  /** Folder whose files go into the image: `<folder>/opt/venv/…` becomes `/opt/venv/…`. */
  folder: string;
  /** Added to the image's environment, `NAME=value`. */
  env?: string[];
  /** Runs `ctr` in the cluster's node. */
  ctr: (args: string[]) => Promise<string>;
  /** Loads an archive into the cluster. */
  load: (archive: string) => Promise<unknown>;
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

const LAYER = "application/vnd.oci.image.layer.v1.tar";

/** Make the image. Throws where the base is not in the cluster. */
export async function addCodeLayer({ base, name, folder, env = [], ctr, load }: CodeLayer): Promise<void> {
  const listed = (await ctr(["images", "ls", `name==${base}`])).split("\n")[1]?.trim().split(/\s+/);
  const digest = listed?.[2];
  if (digest === undefined) throw new Error(`${base} is not in the test cluster`);
  const content = async (of: string) => JSON.parse(await ctr(["content", "get", of])) as unknown;
  const manifest = (await content(digest)) as { config: Descriptor; layers: Descriptor[] };
  const config = (await content(manifest.config.digest)) as {
    config: { Env?: string[] };
    rootfs: { diff_ids: string[] };
  };

  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-image-"));
  const archive = path.join(scratch, "image");
  fs.mkdirSync(path.join(archive, "blobs", "sha256"), { recursive: true });
  const blob = (mediaType: string, bytes: Buffer): Descriptor => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    fs.writeFileSync(path.join(archive, "blobs", "sha256", sha256), bytes);
    return { mediaType, digest: `sha256:${sha256}`, size: bytes.length };
  };
  const tar = (from: string, to: string) =>
    execa("tar", [
      "--owner=0",
      "--group=0",
      "--sort=name",
      "--mtime=@0",
      "--mode=a+rX",
      "-C",
      from,
      "-cf",
      to,
      ".",
    ]);
  const file = path.join(scratch, "layer.tar");
  await tar(folder, file);
  const layer = blob(LAYER, fs.readFileSync(file));
  config.rootfs.diff_ids.push(layer.digest);
  config.config.Env = [...(config.config.Env ?? []), ...env];
  manifest.config = blob(manifest.config.mediaType, Buffer.from(JSON.stringify(config)));
  manifest.layers.push(layer);
  const described = blob("application/vnd.oci.image.manifest.v1+json", Buffer.from(JSON.stringify(manifest)));
  const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name };
  fs.writeFileSync(
    path.join(archive, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...described, annotations }] }),
  );
  fs.writeFileSync(path.join(archive, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await tar(archive, path.join(scratch, "image.tar"));
  await load(path.join(scratch, "image.tar"));
  fs.rmSync(scratch, { recursive: true });
}
