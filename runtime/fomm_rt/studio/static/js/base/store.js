/** A value that others watch. */

/**
 * @template T
 * @param {T} initial
 * @returns {{get: () => T, set: (value: T) => void, watch: (listener: (value: T) => void) => void}}
 */
export function store(initial) {
  let value = initial;
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    watch(listener) {
      listeners.add(listener);
      listener(value);
    },
  };
}
