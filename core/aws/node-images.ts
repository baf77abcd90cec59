import type { AwsSettings } from "../spec/aws.ts";

/** What EKS's GPU image of a family is called, and what it has. */
export interface NodeImage {
  amiType: string;
  /** Where images and caches of containers lie. */
  dataDevice: string;
  /** NVIDIA's device plugin runs on it without being installed. */
  hasDevicePlugin: boolean;
}

/** Adding a family is a row here and in AMI_FAMILIES. Device names: unverified against a running node. */
export const NODE_IMAGES: Record<AwsSettings["gpu"]["ami"], NodeImage> = {
  al2023: { amiType: "AL2023_x86_64_NVIDIA", dataDevice: "/dev/xvda", hasDevicePlugin: false },
  bottlerocket: { amiType: "BOTTLEROCKET_x86_64_NVIDIA", dataDevice: "/dev/xvdb", hasDevicePlugin: true },
};
