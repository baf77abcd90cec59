import { describe, expect, it } from "vitest";
import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { GPUS } from "../../core/catalog/gpus.ts";
import { servingMemory, slotRank } from "../../core/plan/serving-memory.ts";

const llama = BASE_MODELS["llama-3.1-8b"].architecture;

describe("memory of a vLLM server", () => {
  // Worked values of vLLM's slot formula: MiB of a slot of Llama 3.1 8B.
  it.each([
    [16, 80],
    [64, 320],
  ])("has slots of rank %i of %i MiB for Llama 3.1 8B", (rank, mib) => {
    const server = servingMemory(llama, GPUS["h100-80gb"], [rank], { context: 8192, embeddingSlots: false })!;
    expect(server.oneMoreBytes / 2 ** 20).toBe(mib);
    expect(server.slots).toBe(1);
  });

  it("rounds ranks up to the ones that vLLM has, and refuses larger ones", () => {
    expect([1, 7, 16, 17, 300].map((rank) => slotRank([rank]))).toEqual([1, 8, 16, 32, 320]);
    expect(slotRank([4, 40, 8])).toBe(64);
    expect(() => slotRank([513])).toThrow(RangeError);
  });

  it("leaves an 8B on an L4 a few thousand tokens, and one on an H100 its whole context", () => {
    const settings = { context: 32768, embeddingSlots: false };
    const l4 = servingMemory(llama, GPUS.l4, [16, 16, 16, 16], settings)!;
    expect(l4.maxModelLength).toBeGreaterThan(8000);
    expect(l4.maxModelLength).toBeLessThan(32768);
    expect(servingMemory(llama, GPUS["h100-80gb"], [16], settings)!.maxModelLength).toBe(32768);
    expect(servingMemory(llama, GPUS["l4-half"], [16], settings)).toBeNull();
  });
});
