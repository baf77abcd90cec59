/** The port that the gateway listens on in its pods; its Service has 80. */
export const GATEWAY_PORT = 8080;
