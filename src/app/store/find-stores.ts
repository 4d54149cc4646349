/** Which stores a command means: those of the managers in a fleet's data folder, or one that was named. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type StoreOwner, storeOwner } from '../../../infra/lmdb/store-owner.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { fleetFolders } from '../compose/process-config.ts';

export interface StorePlace {
  /** A manager's name, or the folder as it was given. */
  readonly name: string;
  readonly path: string;
  /** The process that has it open for writing. */
  readonly owner: StoreOwner | undefined;
}

export interface StoreChoice {
  readonly data: string;
  readonly manager?: string;
  readonly store?: string;
}

export function findStores({ data, manager, store }: StoreChoice): StorePlace[] {
  if (store !== undefined) {
    const path = resolve(store);
    if (!existsSync(join(path, 'data.mdb'))) throw new DroverError('ERR_STORE_MISSING', `there is no store in ${path}`);
    return [{ name: store, path, owner: storeOwner(path) }];
  }
  const managers = join(fleetFolders(data).root, 'managers');
  const names = manager === undefined ? (existsSync(managers) ? readdirSync(managers).sort() : []) : [manager];
  const found = names
    .map((name) => ({ name, path: storePathOf(data, name) }))
    .filter(({ path }) => existsSync(join(path, 'data.mdb')))
    .map((place) => ({ ...place, owner: storeOwner(place.path) }));
  if (found.length === 0) {
    const which = manager === undefined ? 'no manager has a store' : `manager ${manager} has no store`;
    throw new DroverError('ERR_STORE_MISSING', `${which} in ${fleetFolders(data).root}; name one with --store FOLDER`);
  }
  return found;
}

/** The one store that a command needs: with several there, one has to be named. */
export function findStore(choice: StoreChoice): StorePlace {
  const [first, ...others] = findStores(choice);
  if (first === undefined || others.length > 0)
    throw new DroverError(
      'ERR_USAGE',
      `there are stores of ${[first, ...others].map((place) => place?.name).join(', ')}: say which with --manager`,
    );
  return first;
}

/** The same, or a new one where there is none yet: what is imported may be all that is left of a fleet. */
export function findOrMakeStore(choice: StoreChoice): StorePlace {
  const { data, manager, store } = choice;
  if (store === undefined && manager === undefined) return findStore(choice);
  const path = store === undefined ? storePathOf(data, manager ?? '') : resolve(store);
  return { name: store ?? manager ?? '', path, owner: storeOwner(path) };
}

export const storePathOf = (data: string, manager: string): string => `${fleetFolders(data).manager(manager)}/checkpoints`;

export function assertFree({ name, owner }: StorePlace, what: string): void {
  if (owner === undefined) return;
  throw new DroverError(
    'ERR_STORE_IN_USE',
    `the store of ${name} is open in process ${owner.pid}: ${what} needs it alone; stop that process first ("drover down")`,
  );
}
