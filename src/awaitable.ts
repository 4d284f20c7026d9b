/**
 * A value, or a promise of it. Engines that read without leaving the thread give plain values, others promises:
 * callers may always `await`.
 */
export type Awaitable<T> = T | Promise<T>;

/** Applies `next` to a value now, or to a promise's value when it comes. */
export function chain<T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Gives what `work` gives; where it throws, now or later, what `mend` makes of the error. */
export function attempt<T>(work: () => Awaitable<T>, mend: (error: unknown) => Awaitable<T>): Awaitable<T> {
  try {
    const value = work();
    return value instanceof Promise ? value.catch(mend) : value;
  } catch (error) {
    return mend(error);
  }
}
