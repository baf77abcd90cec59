/** Cores of a quantity as Kubernetes writes it: `2`, `500m`. */
export const coresOf = (quantity: string): number =>
  quantity.endsWith("m") ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity);
