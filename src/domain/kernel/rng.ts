/**
 * Seeded randomness. One seed is split into named streams, so that a new draw in one place moves no other.
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand): 32-bit operations only, the same on every engine.
 */
export interface Rng {
  /** A uniform integer in [0, 2^32). */
  u32(): number;
  /** A uniform number in [0, 1) with 32 random bits. */
  unit(): number;
  /** A uniform integer in [0, bound); `bound` is between 1 and 2^32. */
  below(bound: number): number;
  /** An independent stream; the same name always gives the same stream, and `this` does not move. */
  stream(name: string): Rng;
}

export function createRng(seed: number, name = 'root'): Rng {
  const [a0, b0, c0] = [hash32(name, seed >>> 0), hash32(name, ~seed >>> 0), hash32(`${name}/c`, seed >>> 0)];
  let a = a0;
  let b = b0;
  let c = c0;
  let counter = 1;
  const u32 = (): number => {
    const t = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = ((c << 21) | (c >>> 11)) >>> 0;
    c = (c + t) >>> 0;
    return t;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) u32();
  return {
    u32,
    unit: () => u32() / 4294967296,
    below: (bound) => Math.floor((u32() / 4294967296) * bound),
    stream: (child) => createRng(hash32(`${name}/${child}`, seed >>> 0), `${name}/${child}`),
  };
}

/** FNV-1a with a final avalanche (murmur3's); stable across engines. Also used for shard numbers. */
export function hash32(text: string, basis = 0): number {
  let h = (0x811c9dc5 ^ basis) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
