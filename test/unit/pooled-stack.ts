import * as fc from "fast-check";
import type { GpuId } from "../../core/catalog/gpus.ts";
import type { PooledFineTune, PooledServer } from "../../core/plan/gpu-pools.ts";
import { awsSchema, NODE_MAKERS, type AwsSettings } from "../../core/spec/aws.ts";

/** GPUs of types that anyone can have: one of them to an instance, on spot and on demand. */
const TRAINABLE = ["a10g", "l4", "l40s", "rtx-pro-6000", "h100-80gb"] as const satisfies GpuId[];

/** Settings of a stack that makes its own network and cluster. */
export function settingsWith(gpu: object = {}): AwsSettings {
  return awsSchema.parse({
    gpu,
    cluster: {
      adminRoles: ["arn:aws:iam::111122223333:role/deploy"],
      autoscalerImage: `registry.example/autoscaler@sha256:${"a1".repeat(32)}`,
    },
  });
}

const shares = fc.constantFrom("instance-type" as const, "fine-tune" as const);
const gpuSettings = fc.record({
  nodes: fc.constantFrom(...NODE_MAKERS),
  purchase: fc.constantFrom("auto" as const, "on-demand" as const, "spot" as const),
  share: shares,
  maxNodes: fc.integer({ min: 1, max: 8 }),
});
/** Asks that each GPU above has a type for, on spot and on demand. */
const need = {
  hostBytes: fc.double({ min: 1e9, max: 40e9, noNaN: true }),
  cores: fc.integer({ min: 1, max: 7 }),
};
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,50}[a-z0-9]$/);
const gpuId = fc.constantFrom(...TRAINABLE);
const fineTune: fc.Arbitrary<PooledFineTune> = fc.record({
  name,
  ...need,
  flight: fc.record({
    best: fc.record({ gpu: gpuId, purchase: fc.constantFrom("on-demand" as const, "spot" as const) }),
  }),
});
const server: fc.Arbitrary<PooledServer> = fc.record({
  key: name,
  engine: fc.constant("vllm" as const),
  gpu: gpuId,
  fineTunes: fc.array(name, { minLength: 1, maxLength: 3 }),
  ...need,
});
/** Stacks of some fine-tunes and servers, with settings of any kind. */
export const pooledStack = fc.record({
  gpu: gpuSettings,
  fineTunes: fc.uniqueArray(fineTune, { selector: (each) => each.name, minLength: 1, maxLength: 6 }),
  servers: fc.uniqueArray(server, { selector: (each) => each.key, maxLength: 3 }),
});

/** A fine-tune that trains on this GPU. */
export function tuneOn(of: string, gpu: GpuId = "l4"): PooledFineTune {
  return { name: of, hostBytes: 4e9, cores: 1, flight: { best: { gpu, purchase: "spot" } } };
}

/** A server on an L4. */
export function servedOn(key: string): PooledServer {
  return { key, engine: "vllm", gpu: "l4", fineTunes: ["a"], hostBytes: 4e9, cores: 1 };
}

/** What planAws is told of a stack besides its settings, fine-tunes and pools; no server reads its bucket. */
export const TEST_STACK = { stack: "test", namespace: "tuneform-test", servers: [] };
