import type { BaseModel, Catalog } from "../catalog/base-models.ts";
import type { Instance } from "../catalog/instances.ts";
import type { FineTuneSpec } from "../spec/fine-tune.ts";
import { flightPlan, type FlightPlan } from "./flight.ts";
import type { DataFacts } from "./work.ts";

/** One base of the catalog for a declared fine-tune. */
export interface BaseComparison extends Pick<BaseModel, "licence" | "gated" | "bestFor" | "context"> {
  id: string;
  flight: FlightPlan;
}

/** The same fine-tune on every base, cheapest job first; bases that no instance holds come last. */
export function compareBases(
  spec: FineTuneSpec,
  data: DataFacts,
  instances: readonly Instance[],
  catalog: Catalog,
): BaseComparison[] {
  const cost = ({ flight }: BaseComparison) => flight.best?.cost.expected ?? Infinity;
  return [...catalog]
    .flatMap(([id, entry]) => {
      const { architecture, context, licence, gated, bestFor } = entry;
      const flight = flightPlan(spec, { base: { architecture, context, entry }, data, instances });
      return flight === null ? [] : [{ id, licence, gated, bestFor, context, flight }];
    })
    .sort((a, b) => cost(a) - cost(b));
}
