/** Makes what was written last. */
import { closeSync, fdatasyncSync, fsyncSync, openSync } from "node:fs";

/** @throws the system's error */
export function syncFile(path: string): void {
  withFile(path, "r+", fdatasyncSync);
}

/** Makes the names of a directory's files last, where the system can: Windows cannot, and needs not. */
export function syncNames(directory: string): void {
  try {
    withFile(directory, "r", fsyncSync);
  } catch {}
}

function withFile(path: string, flags: "r" | "r+", work: (fd: number) => void): void {
  const fd = openSync(path, flags);
  try {
    work(fd);
  } finally {
    closeSync(fd);
  }
}
