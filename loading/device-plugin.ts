import fs from "node:fs";
import path from "node:path";
import { NODE_IMAGES } from "../core/aws/node-images.ts";
import type { DaemonSet } from "../core/kubernetes/device-plugin.ts";
import type { StackConfig } from "../core/spec/stack.ts";
import { devicePluginSchema } from "../core/spec/device-plugin.ts";
import { parseAs } from "../core/spec/parse.ts";
import { InvalidInput, type Problem } from "../core/spec/problems.ts";

const FILE = "manifests/nvidia-device-plugin.yaml";
const EXAMPLE = "docs/decisions/012-device-plugin.md";

/** Of the project, which people may replace. `root` is absolute. Throws InvalidInput where GPUs would be shared. */
export function readDevicePlugin(root: string): DaemonSet {
  const read = parseDevicePlugin(root, false);
  if ("problems" in read) throw new InvalidInput(read.problems);
  return read.manifest;
}

/** What is wrong with the manifest of a stack that installs the plugin; nothing for one that finds it there. */
export function devicePluginProblems(
  root: string,
  { kubernetes, aws }: Pick<StackConfig, "kubernetes" | "aws">,
): Problem[] {
  if (kubernetes === null) return [];
  const mayInstall =
    aws === null
      ? kubernetes.devicePlugin === "install"
      : aws.gpu.nodes !== "auto-mode" && !NODE_IMAGES[aws.gpu.ami].hasDevicePlugin;
  if (!mayInstall) return [];
  const read = parseDevicePlugin(root, !kubernetes.allowImageTags && kubernetes.devicePluginImage === null);
  return "problems" in read ? read.problems : [];
}

/** A second one would register the same GPUs; one of the same name would be taken over, and `destroy` remove it. */
export const secondDevicePluginProblems = (others: readonly string[], stackFile: string): Problem[] =>
  others.map((name) => ({
    file: stackFile,
    path: "tuneform:kubernetes.devicePlugin",
    message: `is install, but the cluster has NVIDIA's device plugin already: DaemonSet ${name}`,
    hint: "devicePlugin: present",
  }));

function parseDevicePlugin(
  root: string,
  needsDigest: boolean,
): { manifest: DaemonSet } | { problems: Problem[] } {
  let text: string;
  try {
    text = fs.readFileSync(path.join(root, FILE), "utf8");
  } catch (error) {
    const message = `cannot be read: ${(error as Error).message}`;
    return { problems: [{ file: FILE, message, hint: "restore the one of the release" }] };
  }
  const parsed = parseAs(devicePluginSchema(needsDigest), text, FILE, EXAMPLE);
  return "problems" in parsed ? parsed : { manifest: parsed.value as unknown as DaemonSet };
}
