import { z } from "zod";

const named = z.looseObject({ name: z.string() });
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(named).optional(),
  envFrom: z.array(z.unknown()).optional(),
});
const labels = z.record(z.string(), z.string());
const pod = z.looseObject({
  containers: z.array(container).min(1, "must have the plugin's container"),
  initContainers: z.array(container).optional(),
  volumes: z.array(named).optional(),
});

/** manifests/nvidia-device-plugin.yaml: as much of a DaemonSet as is read or refused; all else stays as it is. */
const manifest = z.looseObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("DaemonSet"),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    labels,
  }),
  spec: z.looseObject({
    selector: z.looseObject({ matchLabels: labels }),
    template: z.looseObject({ metadata: z.looseObject({ labels }), spec: pod }),
  }),
});

type Container = z.infer<typeof container>;
type Path = (string | number)[];
type Issue = (path: Path, message: string) => void;

/** `needsDigest`: the stack runs the manifest's own image, and takes none by a tag. */
export const devicePluginSchema = (needsDigest: boolean) =>
  manifest.superRefine(({ spec: { template } }, context) => {
    const issue: Issue = (path, message) =>
      context.addIssue({ code: "custom", path: ["spec", "template", "spec", ...path], message });
    const { containers, initContainers = [], volumes = [] } = template.spec;
    for (const [key, list] of Object.entries({ containers, initContainers }))
      list.forEach((each, index) => {
        if (needsDigest && !each.image.includes("@sha256:"))
          issue(
            [key, index, "image"],
            `${each.image} has no digest, and a tag can move → add @sha256:…, or name another by tuneform:kubernetes.devicePluginImage`,
          );
        sharingRules(each, [key, index], issue);
      });
    volumes.forEach((volume, index) => {
      for (const source of ["configMap", "secret", "projected"])
        if (source in volume) issue(["volumes", index, source], `${MAY_SHARE} → remove the volume`);
    });
  });

const MAY_SHARE =
  "gives the plugin a configuration, by which pods share a GPU (time-slicing, MPS): nothing keeps their memory apart, so that two trainings run out of it, and the plan counts on whole GPUs";

/** What the plugin reads its configuration from: sharing has no option of its own besides. */
const CONFIGURATION = /(^|-)CONFIG[-_]FILE|time-?slicing|fail-?requests-?greater-?than-?one/i;
/** Of NVIDIA's Multi-Instance GPU. */
const MIG = /^-{1,2}mig-strategy(?:=(.*))?$/;

function sharingRules(
  { command = [], args = [], env = [], envFrom }: Container,
  at: Path,
  issue: Issue,
): void {
  const words = Object.entries({ command, args }).flatMap(([key, list]) =>
    list.map((word, index) => ({ path: [...at, key, index], word, next: list[index + 1] })),
  );
  for (const { path, word, next } of words) {
    if (CONFIGURATION.test(word)) issue(path, `${MAY_SHARE} → remove it`);
    const strategy = MIG.exec(word);
    if (strategy !== null) migRule(strategy[1] ?? next, path, issue);
  }
  env.forEach(({ name, value }, index) => {
    const path = [...at, "env", index, "name"];
    const text = name.replaceAll("_", "-");
    if (CONFIGURATION.test(text)) issue(path, `${name} ${MAY_SHARE} → remove it`);
    if (name === "MIG_STRATEGY") migRule(value, path, issue);
  });
  if (envFrom !== undefined && envFrom.length > 0)
    issue([...at, "envFrom"], `may set CONFIG_FILE, which ${MAY_SHARE} → name each variable under env`);
}

function migRule(strategy: unknown, path: Path, issue: Issue): void {
  if (strategy === "none") return;
  issue(
    path,
    `offers parts of a GPU by MIG (${typeof strategy === "string" ? strategy : "not said here"}), and the plan counts on whole GPUs → none`,
  );
}
