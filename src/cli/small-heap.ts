import { setFlagsFromString } from "node:v8";

/**
 * Has V8 collect garbage sooner. While there is memory it would rather let the heap grow; a program that works through
 * a large file beside others, on a small machine, should not.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--optimize-for-size");
}
