/** Pages that a manager has in memory before they are stored: what they may cost, and that a wrong one is never found. */
import { describe, expect, test } from 'vitest';
import { PagesAtHand } from '../../../actors/pages-at-hand.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../../../src/domain/model/checkpoint.ts';

const pagesOf = (...bytes: number[]): Uint8Array => {
  const pages = new Uint8Array(bytes.length * PAGE_BYTES);
  for (const [at, byte] of bytes.entries()) pages.fill(byte, at * PAGE_BYTES, (at + 1) * PAGE_BYTES);
  return pages;
};
const digestOf = (byte: number): Uint8Array => {
  const digest = new Uint8Array(DIGEST_BYTES);
  systemHasher.digestInto(pagesOf(byte), digest, 0);
  return digest;
};
const at = (sequence: number) => ({ epoch: 1, sequence });
const hand = (pagesMax = 100) => new PagesAtHand({ hasher: systemHasher, bytesMax: pagesMax * PAGE_BYTES });

describe('pages at hand', () => {
  test('are found by their digest, of their task alone, and nothing else is', () => {
    const pages = hand();
    pages.add('alpha', at(1), pagesOf(1, 2));
    expect(pages.find('alpha', digestOf(2))).toEqual(pagesOf(2));
    expect(pages.find('beta', digestOf(2))).toBeUndefined();
    expect(pages.find('alpha', digestOf(3))).toBeUndefined();
  });

  test('go when a checkpoint as new as they are is stored; later ones stay', () => {
    const pages = hand();
    pages.add('alpha', at(1), pagesOf(1));
    pages.add('alpha', at(2), pagesOf(2));
    pages.stored('alpha', at(1));
    expect(pages.find('alpha', digestOf(1))).toBeUndefined();
    expect(pages.find('alpha', digestOf(2))).toEqual(pagesOf(2));
    expect(pages.bytes).toBe(PAGE_BYTES);
  });

  test('a page that a later checkpoint has as well stays for it', () => {
    const pages = hand();
    pages.add('alpha', at(1), pagesOf(1));
    pages.add('alpha', at(2), pagesOf(1));
    pages.stored('alpha', at(1));
    expect(pages.find('alpha', digestOf(1))).toEqual(pagesOf(1));
    pages.add('alpha', at(1), pagesOf(1));
    pages.stored('alpha', at(1));
    expect(pages.find('alpha', digestOf(1))).toEqual(pagesOf(1));
    pages.stored('alpha', at(2));
    expect(pages.bytes).toBe(0);
  });

  test('never take more than their bound: the task longest without news makes room', () => {
    const pages = hand(4);
    pages.add('alpha', at(1), pagesOf(1, 2));
    pages.add('beta', at(1), pagesOf(3));
    pages.add('alpha', at(2), pagesOf(4));
    expect(pages.bytes).toBe(4 * PAGE_BYTES);
    expect(pages.add('gamma', at(1), pagesOf(5))).toBe(1);
    expect(pages.find('beta', digestOf(3))).toBeUndefined();
    expect(pages.find('alpha', digestOf(1))).toEqual(pagesOf(1));
    expect(pages.add('alpha', at(3), pagesOf(6, 7, 8, 9, 10))).toBeGreaterThan(0);
    expect(pages.bytes).toBeLessThanOrEqual(4 * PAGE_BYTES);
  });
});
