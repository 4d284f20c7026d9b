import type { CopySide, CopyWorkload } from "../lib/model.ts";

const GO = "control plane: speed";
const GO_MEMORY = "control plane: memory added";
const GO_COMMAND = "by the command: speed";
const GO_COMMAND_MEMORY = "by the command: memory added";
const PLAIN = "any buckets: speed";
const PLAIN_MEMORY = "any buckets: memory added";
const PLAIN_COMMAND_MEMORY = "by the command: memory";

/** What bringing a bbolt file over costs. */
export const imports: readonly CopyWorkload[] = [
  {
    kind: "copies",
    name: "import",
    title: "importing a bbolt file of 33 MB (with --quick 5 MB) that Go wrote, into a new durable store",
    method: "each in a new process; memory is that above the open, idle store's, at its peak",
    unit: "MB/s",
    sides: [
      side(GO, "control-plane", "rate", false),
      side(GO_MEMORY, "control-plane", "memory", false),
      side(GO_COMMAND, "control-plane", "rate", true),
      side(GO_COMMAND_MEMORY, "control-plane", "memory", true),
      side(PLAIN, "plain", "rate", false),
      side(PLAIN_MEMORY, "plain", "memory", false),
      side(PLAIN_COMMAND_MEMORY, "plain", "memory", true),
    ],
    claims: [
      { label: GO_COMMAND_MEMORY, limit: 64 },
      { label: PLAIN_COMMAND_MEMORY, limit: 64 },
    ],
  },
];

function side(
  label: string,
  subject: "control-plane" | "plain",
  figure: "rate" | "memory",
  command: boolean,
): CopySide {
  const unit = figure === "rate" ? "MB/s" : "MiB";
  return { label, store: "goFile", run: { program: "import", subject, command }, figure, unit };
}
