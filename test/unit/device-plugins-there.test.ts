import type { V1DaemonSet } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import type { Manifest } from "../../core/kubernetes/manifest.ts";
import { secondDevicePluginProblems } from "../../loading/device-plugin.ts";
import { ofOthers } from "../../loading/device-plugins-there.ts";
import { exampleManifests, exampleStack, ofKind } from "./kubernetes-example.ts";

const set = (name: string, image: string): V1DaemonSet => ({
  metadata: { name, namespace: "gpu-operator" },
  spec: {
    selector: {},
    template: { spec: { containers: [{ name: "c", image }] } },
  },
});
const installed = (namespace: string) =>
  ofKind<Manifest>(exampleManifests(exampleStack({ devicePlugin: "install", namespace })), "DaemonSet");

describe("a device plugin that is there already", () => {
  it("is found by its image, wherever it comes from", () => {
    const sets = [
      set("a", "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"),
      set("b", "mirror.example/nvidia/k8s-device-plugin@sha256:aa"),
      set("c", "ghcr.io/x/not-k8s-device-plugin:1"),
      set("d", "quay.io/cilium/cilium:v1.20"),
    ];
    expect(ofOthers(sets, "ours")).toEqual(["gpu-operator/a", "gpu-operator/b"]);
  });

  it("is another stack's unless it carries the namespace of this one", () => {
    const sets = installed("one") as unknown as V1DaemonSet[];
    expect(ofOthers(sets, "one")).toEqual([]);
    expect(ofOthers(sets, "two")).toEqual(["kube-system/nvidia-device-plugin"]);
  });

  it("is refused with the way out", () => {
    expect(secondDevicePluginProblems(["kube-system/nvidia-device-plugin"], "Pulumi.gpu.yaml")).toEqual([
      {
        file: "Pulumi.gpu.yaml",
        path: "tuneform:kubernetes.devicePlugin",
        message:
          "is install, but the cluster has NVIDIA's device plugin already: DaemonSet kube-system/nvidia-device-plugin",
        hint: "devicePlugin: present",
      },
    ]);
  });
});
