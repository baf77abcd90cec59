import { describe, expect, it } from "vitest";
import { INSTANCES, type Instance } from "../../core/catalog/instances.ts";
import { costOn, jobTime, type JobWork, type Purchase } from "../../core/plan/job-cost.ts";
import { bytes, HOUR, seconds } from "../../core/plan/units.ts";

describe("cost of a job", () => {
  const instance = INSTANCES.find(({ type }) => type === "g6.xlarge")!;
  const job = (hours: number) => {
    const work = { low: seconds(hours * HOUR), expected: seconds(hours * HOUR), high: seconds(hours * HOUR) };
    const startUp = { low: seconds(600), expected: seconds(600), high: seconds(600) };
    return { work, startUp, checkpointBytes: bytes(0.5e9), diskBytes: bytes(100e9) };
  };

  const jobCost = (instance: Instance, purchase: Purchase, work: JobWork) => {
    const time = jobTime(purchase, work);
    const cost = costOn(instance, time);
    return cost === null ? null : { ...time, cost };
  };

  it("on demand is the price of work, start, ten idle minutes and disk for as long", () => {
    // Nothing to save and, but for one failure a month, nothing lost: 10 h of work, 10 min of start.
    const { cost, duration } = jobCost(instance, "on-demand", { ...job(10), checkpointBytes: bytes(0) })!;
    const paidHours = duration.expected / HOUR + 10 / 60;
    const disk = (paidHours * 100 * 0.08) / 730;
    expect(cost.expected).toBeCloseTo(paidHours * 0.8048 + disk, 10);
    expect(duration.expected / HOUR).toBeCloseTo(10 + 10 / 60, 1);
    const twice = jobCost(instance, "on-demand", {
      ...job(10),
      checkpointBytes: bytes(0),
      diskBytes: bytes(200e9),
    })!;
    expect(twice.cost.expected - cost.expected).toBeCloseTo(disk, 10);
  });

  it("saves a checkpoint as often as Young's optimum says", () => {
    // 0.5 GB at 150 MB/s take 3.33 s; 0.15 evictions an hour are 24,000 s apart: √(2 · 3.33 · 24,000) = 400.
    expect(jobCost(instance, "spot", job(20))!.checkpointEvery).toBeCloseTo(400, 6);
    // On demand, one failure in 720 h: √(2 · 3.33 · 2,592,000) = 4,157.
    expect(jobCost(instance, "on-demand", job(20))!.checkpointEvery).toBeCloseTo(4156.92, 1);
    // Four times the bytes, twice the interval; and never below a minute.
    const large = { ...job(20), checkpointBytes: bytes(2e9) };
    expect(jobCost(instance, "spot", large)!.checkpointEvery).toBeCloseTo(800, 6);
    const tiny = { ...job(20), checkpointBytes: bytes(1e3) };
    expect(jobCost(instance, "spot", tiny)!.checkpointEvery).toBe(60);
  });

  it("loses no more to an eviction than was done", () => {
    const minute = jobCost(instance, "on-demand", job(1 / 60))!;
    expect(minute.duration.expected).toBeLessThan(700);
  });

  it("on spot is less, takes longer, and counts what evictions lose", () => {
    const onDemand = jobCost(instance, "on-demand", job(20))!;
    const spot = jobCost(instance, "spot", job(20))!;
    expect(spot.cost.expected).toBeLessThan(onDemand.cost.expected);
    expect(spot.duration.expected).toBeGreaterThan(onDemand.duration.expected);
    expect(spot.evictions).toBeCloseTo(3, 0);
  });

  it("is not there for what cannot be bought", () => {
    const block = INSTANCES.find(({ usdPerHour }) => usdPerHour === null)!;
    expect(jobCost(block, "on-demand", job(1))).toBeNull();
    expect(jobCost({ ...instance, spot: false }, "spot", job(1))).toBeNull();
  });
});
