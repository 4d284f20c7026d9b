// Engines order keys by their UTF-8 bytes; JavaScript compares strings by UTF-16 units. The two differ only
// where a surrogate (U+10000 and above) meets a unit from U+E000 to U+FFFF.
const HIGH_UNIT = /[\ud800-\uffff]/;

/**
 * Compares two strings by their UTF-8 bytes, the order of every engine.
 *
 * @returns a negative number, zero or a positive number, as `Array.sort` wants it
 */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  if (HIGH_UNIT.test(a) && HIGH_UNIT.test(b)) return compareUnits(a, b);
  return a < b ? -1 : 1;
}

function compareUnits(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** Lifts surrogates above all other units, where UTF-8 puts the characters that they make up. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x2800 : unit;
}
