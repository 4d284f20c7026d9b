/** What an object has, whatever its type says. */

/** Names of the methods of an object, its own and those that it inherits. */
export function methodsOf(object: object): string[] {
  const names = new Set<string>();
  for (let level = object; level !== Object.prototype && level !== null; level = Object.getPrototypeOf(level))
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level)))
      if (typeof value === "function" && name !== "constructor") names.add(name);
  return Array.from(names).sort();
}

/** Names of all else: fields and getters. */
export function fieldsOf(object: object): string[] {
  const names = new Set<string>();
  for (let level = object; level !== Object.prototype && level !== null; level = Object.getPrototypeOf(level))
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level)))
      if (typeof value !== "function") names.add(name);
  return Array.from(names).sort();
}
