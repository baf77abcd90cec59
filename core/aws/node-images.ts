import type { AwsSettings } from "../spec/aws.ts";

/** What EKS's GPU image of a family is called, and what it has. */
export interface NodeImage {
  amiType: string;
  /** The system's own disk; null where it shares one with the containers. */
  systemDevice: string | null;
  /** Where images and caches of containers lie. */
  dataDevice: string;
  /** NVIDIA's device plugin runs on it without being installed. */
  hasDevicePlugin: boolean;
}

/** Adding a family is a row here and in AMI_FAMILIES. Device names: unverified against a running node. */
export const NODE_IMAGES: Record<AwsSettings["gpu"]["ami"], NodeImage> = {
  al2023: {
    amiType: "AL2023_x86_64_NVIDIA",
    systemDevice: null,
    dataDevice: "/dev/xvda",
    hasDevicePlugin: false,
  },
  bottlerocket: {
    amiType: "BOTTLEROCKET_x86_64_NVIDIA",
    systemDevice: "/dev/xvda",
    dataDevice: "/dev/xvdb",
    hasDevicePlugin: true,
  },
};

/**
 * Karpenter's name of an image: `al2023@v20260714` is what EKS calls release `1.35.6-20260714`, and
 * `bottlerocket@v1.47.0` release `1.47.0-6154605b` (Karpenter's documentation on managing AMIs).
 */
export function karpenterAlias({
  ami,
  releaseVersion,
}: Pick<AwsSettings["gpu"], "ami" | "releaseVersion">): string {
  const [version, build] = releaseVersion?.split("-") ?? [];
  if (version === undefined || build === undefined) return `${ami}@latest`;
  return `${ami}@v${ami === "al2023" ? build : version}`;
}
