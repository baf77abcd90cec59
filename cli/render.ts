import path from "node:path";
import type { Command } from "commander";
import { unrenderedObjects } from "../core/aws/cluster-objects.ts";
import { exampleImages } from "../core/kubernetes/images.ts";
import { InvalidInput } from "../core/spec/problems.ts";
import { renderStack } from "../loading/render.ts";
import { writeRendered } from "../loading/render-folder.ts";
import { stackFileName } from "../loading/stack-files.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import { projectRoot, readStackFile, stackOption } from "./project.ts";

interface RenderOptions {
  stack: string;
  out: string;
  withData?: true;
  json?: true;
}

export function register(program: Command): void {
  program
    .command("render")
    .description(
      "the objects of a stack in a cluster as YAML, without asking it; every run as if promoted; on aws without those that name what only AWS knows, which are listed",
    )
    .requiredOption("-s, --stack <name>", "which Pulumi.<name>.yaml", stackOption)
    .requiredOption("-o, --out <folder>", "where to; files of an earlier render there are replaced")
    .option("--with-data", "the rows too, as Secrets; without it, commands that make these")
    .option("--json", "the list of files as JSON")
    .action(render);
}

async function render({ stack, out, withData, json }: RenderOptions): Promise<void> {
  const { config } = readStackFile(stack);
  if (config.kubernetes === null)
    throw new InvalidInput([
      {
        file: stackFileName(stack),
        path: "tuneform:target",
        message: `is ${config.target}, which has nothing to render`,
        hint: "a stack of target kubernetes, for example Pulumi.kubernetes.example.yaml",
      },
    ]);
  const plan = await loadStackPlan({ root: projectRoot, config, stack });
  const files = renderStack(plan, projectRoot, withData === true);
  writeRendered(path.resolve(out), files);
  for (const { key, image } of exampleImages(plan))
    console.error(`${stackFileName(stack)} ${key}: ${image} is an example: no registry has it`);
  if (plan.aws !== null)
    console.error(
      `left out, since they name or need what only AWS knows (file system, bucket, roles, subnets), and made by \`up\`: ${unrenderedObjects(plan.aws).join(", ")}`,
    );
  const shown = files.map(({ file, kind, name }) => ({ file, kind, name }));
  console.log(json ? JSON.stringify({ out, files: shown }, null, 2) : `${out}: ${files.length} files`);
}
