/** What a manifest has to be before anything is done with it, and room for what it says. */
import { checkManifest, describeManifestError } from '../../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { CheckpointName } from './checkpoint-keys.ts';

export const nameOf = (name: CheckpointName): string => `checkpoint ${name.epoch}.${name.sequence} of ${name.task}`;

export function roomFor({ pageCount, ...name }: CheckpointManifest): Uint8Array {
  try {
    return new Uint8Array(pageCount * PAGE_BYTES);
  } catch (cause) {
    throw new DroverError('ERR_STORE_CORRUPT', `${nameOf(name)} asks for ${pageCount} pages, more than this host has`, {
      cause,
    });
  }
}

export function assertSound(manifest: CheckpointManifest): void {
  const checked = checkManifest(manifest);
  if (!checked.ok)
    throw new DroverError(
      'ERR_STORE_CORRUPT',
      `${nameOf(manifest)} is no sound manifest: ${describeManifestError(checked.error)}`,
    );
}
