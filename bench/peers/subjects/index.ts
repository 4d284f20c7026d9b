import type { SubjectName } from "../model.ts";
import type { Subject } from "./subject.ts";

type NodeSubject = Exclude<SubjectName, `bbolt${string}`>;

/** Loads a subject: a process loads its own alone. Those in Go are a program of their own. */
export const subjects: Readonly<Record<NodeSubject, () => Promise<Subject>>> = {
  bucket: async () => {
    const { openReadings, openSamples } = await import("./bucket.ts");
    return { samples: openSamples, readings: openReadings };
  },
  collection: async () => {
    const { openReadings, openSamples } = await import("./collection.ts");
    return { samples: openSamples, readings: openReadings };
  },
  covering: async () => ({ readings: (await import("./collection.ts")).openCoveringReadings }),
  controlPlane: async () => ({ samples: (await import("./control-plane.ts")).openSamples }),
  classicLevel: async () => {
    const { openReadings, openSamples } = await import("./classic-level.ts");
    return { samples: openSamples, readings: openReadings };
  },
  sqliteJson: async () => {
    const { openJsonReadings, openJsonSamples } = await import("./sqlite.ts");
    return { samples: openJsonSamples, readings: openJsonReadings };
  },
  sqliteColumns: async () => {
    const { openColumnReadings, openColumnSamples } = await import("./sqlite.ts");
    return { samples: openColumnSamples, readings: openColumnReadings };
  },
  sqliteCovering: async () => ({ readings: (await import("./sqlite.ts")).openCoveringReadings }),
  sqliteCoalesced: async () => ({ readings: (await import("./sqlite.ts")).openCoalescedReadings }),
  lmdb: async () => {
    const { openReadings, openSamples } = await import("./lmdb.ts");
    return { samples: openSamples, readings: openReadings };
  },
  lmdbCached: async () => ({ samples: (await import("./lmdb.ts")).openCachedSamples }),
  lmdbCovering: async () => ({ readings: (await import("./lmdb.ts")).openCoveringReadings }),
};
