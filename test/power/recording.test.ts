import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { Recording } from "./recording.ts";
import { readTrace } from "./trace.ts";

const places = usePlaces();

const hex = (text: string) => Buffer.from(text).toString("hex").replaceAll(/../g, "\\x$&");
const quoted = (text: string) => `"${hex(text)}"`;

/** Follows the lines of a trace; `left` are the files, with their content, that are there after its program's death. */
async function follow(lines: (path: (name: string) => string) => string[], left: Record<string, string>) {
  const folder = places.path("folder");
  mkdirSync(folder);
  for (const [name, content] of Object.entries(left)) writeFileSync(join(folder, name), content);
  const trace = places.path("trace");
  writeFileSync(trace, `${lines((name) => join(folder, name)).join("\n")}\n`);
  const recording = new Recording(folder, places.path("notes"));
  recording.add(await readTrace(trace), 0);
  return Object.fromEntries(Array.from(recording.root.entries, ([name, { size }]) => [name, size]));
}

/** A file that is made, and holds "abc". */
const made = (path: string, descriptor: number): string[] => [
  `1 openat(AT_FDCWD, ${quoted(path)}, O_WRONLY|O_CREAT, 0644) = ${descriptor}<${hex(path)}>`,
  `1 write(${descriptor}<${hex(path)}>, ${quoted("abc")}, 3) = 3`,
];

// A program that kills itself has other threads within calls: whether the system did them, the trace does not tell.
test.each([
  [
    "a call that strace saw end",
    (call: string) => [`2 ${call} <unfinished ...>`, "2 <... call resumed>) = ?"],
  ],
  ["a call that strace saw begin", (call: string) => [`2 ${call} <unfinished ...>`]],
])("what a death cut off counts as the disk shows it: %s", async (_, cutOff) => {
  const names = await follow(
    (path) => [
      ...["gone", "kept", "moved", "grown", "whole"].flatMap((name, i) => made(path(name), 20 + i)),
      ...cutOff(`unlink(${quoted(path("gone"))}`),
      ...cutOff(`unlink(${quoted(path("kept"))}`).map((line) => line.replace(/^2/, "3")),
      ...cutOff(`rename(${quoted(path("moved"))}, ${quoted(path("new"))}`).map((line) =>
        line.replace(/^2/, "4"),
      ),
      ...cutOff(`write(23<${hex(path("grown"))}>, ${quoted("defgh")}, 5`).map((line) =>
        line.replace(/^2/, "5"),
      ),
      ...cutOff(`write(24<${hex(path("whole"))}>, ${quoted("defgh")}, 5`).map((line) =>
        line.replace(/^2/, "6"),
      ),
      ...cutOff(`openat(AT_FDCWD, ${quoted(path("fresh"))}, O_WRONLY|O_CREAT, 0644`).map((line) =>
        line.replace(/^2/, "7"),
      ),
      ...cutOff(`mkdir(${quoted(path("never"))}, 0777`).map((line) => line.replace(/^2/, "8")),
    ],
    { kept: "abc", new: "abc", grown: "abcde", whole: "abc", fresh: "" },
  );
  expect(names).toEqual({ kept: 3, new: 3, grown: 5, whole: 3, fresh: 0 });
});
