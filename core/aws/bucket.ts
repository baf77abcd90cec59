import { policy, type PolicyDocument } from "./policies.ts";

/** Nobody reads or writes without TLS, whatever else allows it, the account's own administrators included. */
export const bucketPolicy = (bucketArn: string): PolicyDocument =>
  policy({
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: ["s3:*"],
    Resource: [bucketArn, `${bucketArn}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  });

/** Days that a replaced or deleted object can be brought back: long enough to notice that one was lost. */
export const FORMER_DAYS = 90;
/** Days after which an upload that was broken off is thrown away. */
export const BROKEN_UPLOAD_DAYS = 7;
