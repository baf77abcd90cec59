/** What memory and time of a decoder follow from: the numbers of its config.json. */
export interface Architecture {
  layers: number;
  hidden: number;
  heads: number;
  keyValueHeads: number;
  headDim: number;
  intermediate: number;
  vocabulary: number;
  tiedHead: boolean;
  /** q, k and v have a bias. */
  attentionBias?: boolean;
  /** Norm weights a layer, in multiples of `hidden`; 2 unless the family has more. */
  normsPerLayer?: number;
  /** A norm over each head of q and of k. */
  headNorms?: boolean;
  /** q, k, v are one matrix, gate and up another: a LoRA of a fused matrix is smaller. */
  isFused?: boolean;
  /** Parameters that text never passes through: a vision tower and its projector. */
  visionParameters?: number;
  /** Every n-th layer attends to the whole context, the others to a window. */
  slidingWindow?: { tokens: number; fullEvery: number };
}

/** What a spec can adapt, and q and v alone: the default of PEFT and litgpt, which published figures are of. */
export type Targets = "all-linear" | "attention" | "query-value";

/** One linear layer of a decoder layer. */
interface Matrix {
  in: number;
  out: number;
  isAttention: boolean;
  /** Adapted where only q and v are; a fused matrix of q, k and v is. */
  isQueryOrValue: boolean;
}

/** Planning asks for the same few thousands of times. Architectures are never changed. */
const known = new WeakMap<Architecture, readonly Matrix[]>();

/** The linear layers of one decoder layer, as the weights have them. */
export function matrices(a: Architecture): readonly Matrix[] {
  const found = known.get(a) ?? listMatrices(a);
  known.set(a, found);
  return found;
}

function listMatrices(a: Architecture): Matrix[] {
  const queries = a.heads * a.headDim;
  const keysValues = a.keyValueHeads * a.headDim;
  const attention = a.isFused
    ? [{ in: a.hidden, out: queries + 2 * keysValues, isQueryOrValue: true }]
    : [
        { in: a.hidden, out: queries, isQueryOrValue: true },
        { in: a.hidden, out: keysValues, isQueryOrValue: false },
        { in: a.hidden, out: keysValues, isQueryOrValue: true },
      ];
  const feedForward = a.isFused
    ? [{ in: a.hidden, out: 2 * a.intermediate }]
    : [1, 2].map(() => ({ in: a.hidden, out: a.intermediate }));
  return [
    ...[...attention, { in: queries, out: a.hidden, isQueryOrValue: false }].map((matrix) => ({
      ...matrix,
      isAttention: true,
    })),
    ...[...feedForward, { in: a.intermediate, out: a.hidden }].map((matrix) => ({
      ...matrix,
      isAttention: false,
      isQueryOrValue: false,
    })),
  ];
}

/** The matrices of one layer that get an adapter. */
export const adaptedMatrices = (a: Architecture, targets: Targets): readonly Matrix[] =>
  matrices(a).filter(
    ({ isAttention, isQueryOrValue }) =>
      targets === "all-linear" || (targets === "attention" ? isAttention : isQueryOrValue),
  );

const sumOf = (list: readonly Matrix[], size: (matrix: Matrix) => number): number =>
  list.reduce((total, matrix) => total + size(matrix), 0);

/** Parameters of all linear layers of the decoder: what each token is multiplied with, head excluded. */
export const linearParameters = (a: Architecture): number =>
  a.layers * sumOf(matrices(a), (matrix) => matrix.in * matrix.out);

/** Parameters of the output head, which is multiplied with at every position whose logits are wanted. */
export const headParameters = (a: Architecture): number => a.vocabulary * a.hidden;

/** All parameters: linears, embeddings, head where it is not tied, norms, biases, vision. */
export function parameterCount(a: Architecture): number {
  const embeddings = headParameters(a) * (a.tiedHead ? 1 : 2);
  const norms = a.hidden * (a.layers * (a.normsPerLayer ?? 2) + 1);
  const headNorms = a.headNorms ? a.layers * 2 * a.headDim : 0;
  const biases = a.attentionBias ? a.layers * (a.heads + 2 * a.keyValueHeads) * a.headDim : 0;
  return linearParameters(a) + embeddings + norms + headNorms + biases + (a.visionParameters ?? 0);
}

/** Parameters of a LoRA of this rank: r·Σ(in + out) over the adapted matrices of the adapted layers. */
export function adapterParameters(
  a: Architecture,
  rank: number,
  targets: Targets,
  lastLayers: number | null = null,
): number {
  const perLayer = sumOf(adaptedMatrices(a, targets), (matrix) => matrix.in + matrix.out);
  return rank * Math.min(a.layers, lastLayers ?? a.layers) * perLayer;
}

/** Elements of the largest linear layer: what is dequantised at a time. */
export const largestMatrix = (a: Architecture): number =>
  Math.max(...matrices(a).map((matrix) => matrix.in * matrix.out));

/** Bytes of keys and values that one token keeps while it is served, at 16 bits; windows not counted. */
export const keyValueBytes = (a: Architecture): number => 2 * a.layers * a.keyValueHeads * a.headDim * 2;
