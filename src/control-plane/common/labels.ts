/** Labels: free text by name, as nodes, groups and metrics bear it. */
export type Labels = Readonly<Record<string, string>>;

/** Whether there are all labels that are wanted, with the same values. Where there are none at all, none are wanted. */
export function hasLabels(found: Labels | undefined, wanted: Labels): boolean {
  for (const name of Object.keys(wanted))
    if (found === undefined || !Object.hasOwn(found, name) || found[name] !== wanted[name]) return false;
  return true;
}
