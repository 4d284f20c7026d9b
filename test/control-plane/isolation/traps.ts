/** Objects that are not what they seem to be. */
import type { Random } from "../audit/audit-random.ts";

type Fields = Record<string, unknown>;

/** What a getter of a hostile object throws: no fault of the database. */
export class Trap extends Error {
  constructor() {
    super("a trap of the test");
  }
}

/** A function that gives the first answer a few times, and then another. */
export function answering<T>(answers: readonly T[], random: Random): () => T {
  const first = 1 + random.below(4);
  let asked = 0;
  return () => {
    asked++;
    if (asked <= first) return answers[0] as T;
    return answers[1 + random.below(answers.length - 1)] as T;
  };
}

/** An object of which one field changes its answer after it was read a few times. */
export function shifty(fields: Fields, name: string, answers: readonly unknown[], random: Random): object {
  const get = answering(answers, random);
  if (random.below(2) === 0)
    return Object.defineProperty({ ...fields }, name, { get, enumerable: true, configurable: true });
  return new Proxy(
    { ...fields, [name]: answers[0] },
    {
      get: (target, asked, receiver) => (asked === name ? get() : Reflect.get(target, asked, receiver)),
    },
  );
}

/** An object of which one field throws, at once or when it is read again. */
export function trapped(fields: Fields, random: Random): object {
  const name = random.pick(["id", "tenantId", "then", "toJSON", ...Object.keys(fields)]);
  let left = random.below(4);
  const get = () => {
    if (left-- <= 0) throw new Trap();
    return fields[name];
  };
  return Object.defineProperty({ ...fields }, name, {
    get,
    enumerable: random.below(4) > 0,
    configurable: true,
  });
}
