import type { V1EndpointSlice } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { EVERYWHERE } from "../../core/spec/kubernetes.ts";
import { notesOf } from "../../loading/api-server.ts";

const slice = (port: number, addresses: string[], addressType = "IPv4"): V1EndpointSlice => ({
  addressType,
  endpoints: [{ addresses }],
  ports: [{ name: "https", port }],
});
const settings = { apiServerCidr: "10.0.0.0/8", apiServerPorts: [443, 6443] };

describe("the way from a Job to the API server", () => {
  it("is told to be closed where the API server listens on another port", () => {
    const minikube = slice(8443, ["192.168.49.2"]);
    expect(notesOf([minikube], settings)).toEqual([
      "the API server listens on port 8443, and Jobs may reach 443 and 6443 only: where NetworkPolicies count " +
        "they could not tell their verdict; set apiServerPorts: [8443]",
    ]);
    expect(notesOf([minikube], { ...settings, apiServerPorts: [8443] })).toEqual([]);
  });

  it("is told to lead everywhere, with what narrows it", () => {
    const open = { ...settings, apiServerCidr: EVERYWHERE };
    expect(notesOf([slice(6443, ["10.84.0.2"])], open)).toEqual([
      "pods that train may reach every address on port 443 and 6443; with apiServerCidr: 10.84.0.2/32 it is the API server alone",
    ]);
    expect(notesOf([slice(443, ["fd00::1"], "IPv6")], open)[0]).toContain("apiServerCidr: fd00::1/128");
    expect(notesOf([slice(443, ["10.1.0.4", "10.1.1.9"])], open)[0]).toContain(
      "a network that holds the API servers (10.1.0.4/32, 10.1.1.9/32)",
    );
  });

  it("is not told of where it is narrow, or nobody says where the API server is", () => {
    expect(notesOf([slice(6443, ["10.84.0.2"])], settings)).toEqual([]);
    expect(notesOf([], { ...settings, apiServerCidr: EVERYWHERE })).toEqual([]);
  });
});
