/** The text that stands for the labels of metrics in keys. */
import type { Labels } from "../common/labels.ts";

/** Names that need no quotes. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_.:-]*$/;

/** One text for one set of labels, such as `{node="n1"}`: names in order, names that are not plain in quotes. */
export function seriesOf(labels: Labels): string {
  const names = Object.keys(labels).sort();
  const parts = names.map((name) => {
    const shown = PLAIN.test(name) ? name : JSON.stringify(name);
    return `${shown}=${JSON.stringify(labels[name])}`;
  });
  return `{${parts.join(",")}}`;
}
