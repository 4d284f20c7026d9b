/** Labels of metrics, and the text that stands for them in keys. */

export type Labels = Readonly<Record<string, string>>;

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

/** Whether labels have all that are wanted, with the same values. */
export function matches(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}
