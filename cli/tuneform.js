#!/usr/bin/env node
// Plain JavaScript on purpose: what npm links as `tuneform` has to start without tsx.
import { register } from "tsx/esm/api";

register();
await import("./main.ts");
