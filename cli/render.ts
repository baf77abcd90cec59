import path from "node:path";
import type { Command } from "commander";
import { exampleImages } from "../core/kubernetes/images.ts";
import { dataInstructions, renderFiles } from "../core/kubernetes/render.ts";
import { stackManifests } from "../core/kubernetes/stack-manifests.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { InvalidInput } from "../core/spec/problems.ts";
import { readDataParts } from "../loading/data-parts.ts";
import { readDevicePlugin } from "../loading/device-plugin.ts";
import { writeRendered } from "../loading/render-folder.ts";
import { stackFileName } from "../loading/stack-files.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { projectRoot, readStackFile } from "./project.ts";

interface RenderOptions {
  stack: string;
  out: string;
  withData?: true;
  json?: true;
}

export function register(program: Command): void {
  program
    .command("render")
    .description("the objects of a kubernetes stack as YAML, without a cluster; every run as if promoted")
    .requiredOption("-s, --stack <name>", "which Pulumi.<name>.yaml")
    .requiredOption("-o, --out <folder>", "where to; files of an earlier render there are replaced")
    .option("--with-data", "the rows too, as Secrets; without it, commands that make these")
    .option("--json", "the list of files as JSON")
    .action(render);
}

async function render({ stack, out, withData, json }: RenderOptions): Promise<void> {
  const { config } = readStackFile(stack);
  if (config.target !== "kubernetes")
    throw new InvalidInput([
      {
        file: stackFileName(stack),
        path: "tuneform:target",
        message: `is ${config.target}, which has nothing to render`,
        hint: "a stack of target kubernetes, for example Pulumi.kubernetes.example.yaml",
      },
    ]);
  const plan = await loadStackPlan({ root: projectRoot, config, stack });
  const files = filesOf(plan, withData === true);
  writeRendered(path.resolve(out), files);
  for (const { key, image } of exampleImages(plan))
    console.error(`${stackFileName(stack)} ${key}: ${image} is an example: no registry has it`);
  const shown = files.map(({ file, kind, name }) => ({ file, kind, name }));
  console.log(json ? JSON.stringify({ out, files: shown }, null, 2) : `${out}: ${files.length} files`);
}

function filesOf(plan: StackPlan, withData: boolean) {
  const { dataFiles = {} } = plan.kubernetes ?? {};
  const parts = readDataParts(dataFiles);
  const manifests = stackManifests(plan, parts, readDevicePlugin(projectRoot));
  if (withData) return renderFiles(manifests);
  const isData = ({ kind }: { kind: string }) => kind === "Secret";
  const shown = mapValues(dataFiles, (file) => path.relative(projectRoot, file));
  const counts = mapValues(parts, (list) => list.length);
  return [
    ...renderFiles(manifests.filter((manifest) => !isData(manifest))),
    ...dataInstructions(plan, shown, counts),
  ];
}

const mapValues = <From, To>(record: Record<string, From>, of: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]));
