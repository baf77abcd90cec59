import fs from "node:fs";
import path from "node:path";
import type { Case } from "./bad-input-cases.ts";

const FILE = "manifests/nvidia-device-plugin.yaml";
const shipped = fs.readFileSync(path.join(import.meta.dirname, "..", FILE), "utf8");
const IMAGE = `registry.example/trainer@sha256:${"a1".repeat(32)}`;

/** A cluster whose device plugin the stack installs. */
const INSTALLS = {
  trainerImage: IMAGE,
  serverImage: IMAGE,
  gpu: "l4",
  storageClass: "standard",
  devicePlugin: "install",
};

/** A stack that brings the shipped manifest with something put before a part of it, or in its place. */
const changed = (what: string, from: string | RegExp, to: string, says: RegExp): Case => ({
  what,
  stack: { target: "kubernetes", kubernetes: JSON.stringify(INSTALLS) },
  more: { [FILE]: shipped.replace(from, to) },
  says,
  code: 2,
});

const VARIABLES = "            # A selected node";
const RESOURCES = "          resources:";
const VOLUMES = "        # The kubelet's socket";

/** The device plugin's manifest as people may replace it: a GPU is for one pod, or nothing is made. */
export const manifestCases: Case[] = [
  changed(
    "a device plugin that is told to read a configuration, by which it may share GPUs",
    VARIABLES,
    `            - { name: CONFIG_FILE, value: /config/time-slicing.yaml }\n${VARIABLES}`,
    /^manifests\/nvidia-device-plugin\.yaml:\d+ spec\.template\.spec\.containers\.0\.env\.0\.name: CONFIG_FILE gives the plugin a configuration.*time-slicing.*two trainings run out.*→ remove it/,
  ),
  changed(
    "the same as an option",
    RESOURCES,
    `          args: [--config-file=/config/plugin.yaml]\n${RESOURCES}`,
    /containers\.0\.args\.0: gives the plugin a configuration/,
  ),
  changed(
    "the same as an option after another",
    RESOURCES,
    `          command: [nvidia-device-plugin, --fail-on-init-error, -config-file, /config/plugin.yaml]\n${RESOURCES}`,
    /containers\.0\.command\.2: gives the plugin a configuration/,
  ),
  changed(
    "variables of a device plugin that stand elsewhere",
    RESOURCES,
    `          envFrom: [{ configMapRef: { name: plugin } }]\n${RESOURCES}`,
    /containers\.0\.envFrom: may set CONFIG_FILE.*→ name each variable under env/,
  ),
  changed(
    "a volume with a configuration of the device plugin",
    VOLUMES,
    `        - { name: config, configMap: { name: plugin } }\n${VOLUMES}`,
    /spec\.volumes\.0\.configMap: gives the plugin a configuration.*→ remove the volume/,
  ),
  changed(
    "NVIDIA's chart, whose own container chooses a configuration for each node",
    "      containers:",
    `      initContainers:\n        - { name: init, image: "${IMAGE}", env: [{ name: CONFIG_FILE_SRCDIR, value: /available }] }\n      containers:`,
    /spec\.initContainers\.0\.env\.0\.name: CONFIG_FILE_SRCDIR gives/,
  ),
  changed(
    "a script that writes a configuration",
    RESOURCES,
    `          command: [sh, -c, "echo 'sharing: {timeSlicing: {}}' > /tmp/plugin"]\n${RESOURCES}`,
    /containers\.0\.command\.2: gives the plugin a configuration/,
  ),
  changed(
    "time-slicing by its own variable",
    VARIABLES,
    `            - { name: FAIL_REQUESTS_GREATER_THAN_ONE, value: "true" }\n${VARIABLES}`,
    /env\.0\.name: FAIL_REQUESTS_GREATER_THAN_ONE gives/,
  ),
  changed(
    "parts of a GPU as if they were whole ones",
    VARIABLES,
    `            - { name: MIG_STRATEGY, value: single }\n${VARIABLES}`,
    /env\.0\.name: offers parts of a GPU by MIG \(single\), and the plan counts on whole GPUs → none/,
  ),
  changed(
    "an image by its tag",
    /image: nvcr\S+/,
    "image: nvcr.io/nvidia/k8s-device-plugin:v0.20.0",
    /containers\.0\.image: nvcr\.io\/nvidia\/k8s-device-plugin:v0\.20\.0 has no digest.*devicePluginImage/,
  ),
  changed("another kind of object", "kind: DaemonSet", "kind: Deployment", / kind: must be one of DaemonSet/),
  changed(
    "no container",
    /containers:[^]*volumes:/,
    "containers: []\n      volumes:",
    /must have the plugin's/,
  ),
  changed(
    "a second document in the manifest",
    /$/,
    "---\napiVersion: v1\n",
    /nvidia-device-plugin\.yaml:\d+: not YAML: a second document/,
  ),
  {
    what: "a project without the manifest that its stack installs",
    stack: { target: "kubernetes", kubernetes: JSON.stringify(INSTALLS) },
    says: /^manifests\/nvidia-device-plugin\.yaml: cannot be read: ENOENT/,
    code: 2,
  },
  {
    ...changed(
      "on AWS, where the image family lacks the plugin",
      VARIABLES,
      `            - { name: CONFIG_FILE, value: /config/plugin.yaml }\n${VARIABLES}`,
      /^manifests\/nvidia-device-plugin\.yaml:\d+ .*CONFIG_FILE gives/,
    ),
    stack: {
      target: "aws",
      aws: JSON.stringify({
        cluster: { adminRoles: ["arn:aws:iam::111122223333:role/deploy"], autoscalerImage: IMAGE },
      }),
      kubernetes: JSON.stringify({ trainerImage: IMAGE, serverImage: IMAGE }),
    },
  },
];
