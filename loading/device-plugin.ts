import fs from "node:fs";
import path from "node:path";
import { load } from "js-yaml";
import type { DaemonSet } from "../core/kubernetes/device-plugin.ts";

/** manifests/nvidia-device-plugin.yaml of the project, which people may replace. `root` is absolute. */
export function readDevicePlugin(root: string): DaemonSet {
  const file = path.join(root, "manifests", "nvidia-device-plugin.yaml");
  return load(fs.readFileSync(file, "utf8"), { filename: file }) as DaemonSet;
}
