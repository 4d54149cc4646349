/** `drover store`: look into a manager's store of checkpoints, and take checkpoints out of it and into it. */
import type { Command } from 'commander';
import type { StoreReader } from '../../../infra/lmdb/store-reader.ts';
import type { StoreCheck } from '../store/check-store.ts';
import type { StoreChoice, StorePlace } from '../store/find-stores.ts';
import { DATA_FOLDER } from './broker-options.ts';
import { bytesText } from './bytes-text.ts';
import { stdoutColours } from './colours.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { collect } from './numbers.ts';
import { table } from './table.ts';

interface StoreFlags extends StoreChoice {
  readonly json?: boolean;
}

export function registerStore(program: Command): void {
  const store = program
    .command('store')
    .description('check, measure, compact, export and import a manager’s store of checkpoints')
    .action(() => store.help());
  withExamples(store, [
    { does: 'Is everything whole that the managers of this fleet hold?', line: 'drover store check' },
    { does: 'Take the newest checkpoint of every task along', line: 'drover store export fleet.drover --manager m1' },
  ]);
  withExamples(
    withStoreOptions(
      store.command('check').description('verify every page, manifest and chain; exit code 1 when something is damaged'),
    ),
    [
      { does: 'All managers of the fleet in the default folder, also while it runs', line: 'drover store check' },
      { does: 'Which checkpoints are damaged, for a script', line: `drover store check --manager m1 --json | jq '.findings'` },
    ],
  )
    .addHelpText(
      'after',
      '\nExit code: 0 when all is whole, 1 when damage was found. A running manager mends damage by itself.',
    )
    .action(check);
  withExamples(withStoreOptions(store.command('stats').description('what is in a store, and how full it is')), [
    { does: 'How much the tasks share', line: 'drover store stats' },
    { does: 'Of an ECU’s local store', line: 'drover store stats --store .drover/fleet/ecus/02aa00000001/checkpoints' },
  ]).action(stats);
  withExamples(
    withStoreOptions(
      store.command('compact').description('give the room inside the file back to the disk (the manager must be stopped)'),
    ),
    [{ does: 'After "drover down"', line: 'drover store compact --manager m1' }],
  ).action(compact);
  withExamples(
    withStoreOptions(
      store
        .command('export <file>')
        .description('write checkpoints into one self-describing file, also while the manager runs')
        .option('--task <name>', 'only this task; may be given several times', collect, [])
        .option('--all', 'every checkpoint that is whole, not only the newest of each task'),
    ),
    [
      { does: 'The newest checkpoint of every task', line: 'drover store export fleet.drover --manager m1' },
      { does: 'All there is of one task', line: 'drover store export a.drover --manager m1 --task counter --all' },
    ],
  ).action(exportTo);
  withExamples(
    withStoreOptions(
      store
        .command('import <file>')
        .description('verify a file of checkpoints, then take all of it (the manager must be stopped)'),
    ),
    [
      { does: 'Into a manager that is stopped', line: 'drover store import fleet.drover --manager m1' },
      { does: 'Into a new store', line: 'drover store import fleet.drover --store /tmp/checkpoints' },
    ],
  )
    .addHelpText('after', '\nNothing is taken from a file in which anything is wrong.')
    .action(importFrom);
}

const withStoreOptions = (command: Command): Command =>
  command
    .option('--data <folder>', 'the folder of a fleet on this machine', DATA_FOLDER)
    .option('--manager <id>', 'this manager’s store (default: every manager’s, where that makes sense)')
    .option('--store <folder>', 'a store by its own folder instead')
    .option('--json', 'print one JSON object');

// ——— looking ———

async function check(flags: StoreFlags): Promise<void> {
  const [{ findStores }, { checkStore }] = await Promise.all([
    import('../store/find-stores.ts'),
    import('../store/check-store.ts'),
  ]);
  const checks: (StoreCheck & { readonly store: string; readonly inUseBy: number | undefined })[] = [];
  for (const place of findStores(flags)) {
    const progress = progressOf(`checking ${place.name}`);
    const checked = await reading(place, (reader) => checkStore(reader, { onProgress: progress }));
    checks.push({ store: place.name, inUseBy: place.owner?.pid, ...checked });
  }
  const ok = checks.every((one) => one.ok);
  if (flags.json === true) {
    const [only] = checks;
    const findings = checks.flatMap(({ store, findings: found }) => found.map((finding) => ({ store, ...finding })));
    print(checks.length === 1 && only !== undefined ? only : { ok, stores: checks, findings });
  } else for (const one of checks) process.stdout.write(checkText(one));
  if (!ok) throw new QuietExit(EXIT_FAILED);
}

function checkText(check: StoreCheck & { readonly store: string; readonly inUseBy: number | undefined }): string {
  const { store, inUseBy, ok, checkpoints, pages, tasks, findings } = check;
  const use = inUseBy === undefined ? '' : `, open in process ${inUseBy}`;
  const verdict = ok ? stdoutColours.green('whole') : stdoutColours.red('damaged');
  const lines = [`store of ${store}: ${verdict}; ${checkpoints} checkpoints of ${tasks.length} tasks, ${pages} pages${use}`];
  const counts = [
    [check.damagedPages, 'pages whose bytes do not have their digest'],
    [check.lostPages, 'pages that are not there'],
    [check.damagedManifests, 'damaged manifests'],
    [check.brokenCheckpoints, 'checkpoints that cannot be rebuilt'],
    [check.wrongReferences, 'counts of references that are too low ("drover store compact" mends them)'],
    [check.uncollectedPages, 'pages that are kept for longer than needed (no damage)'],
    [check.pagesSetAside, 'pages set aside, to be fetched again'],
    [check.manifestsSetAside, 'manifests set aside, to be fetched again'],
  ] as const;
  for (const [count, what] of counts) if (count > 0) lines.push(`  ${count} ${what}`);
  for (const { what, which, why } of findings.slice(0, FINDINGS_SHOWN)) lines.push(`    ${what} ${which}: ${why}`);
  if (findings.length > FINDINGS_SHOWN) lines.push(`    … --json shows up to a hundred`);
  if (!ok && inUseBy === undefined) lines.push('  start the manager: it fetches what is damaged from another one');
  return `${lines.join('\n')}\n`;
}

const FINDINGS_SHOWN = 10;

async function stats(flags: StoreFlags): Promise<void> {
  const [{ findStores }, { measureStore }] = await Promise.all([
    import('../store/find-stores.ts'),
    import('../store/measure-store.ts'),
  ]);
  const measured = [];
  for (const place of findStores(flags)) {
    const found = await reading(place, (reader) => Promise.resolve(measureStore(reader)));
    measured.push({ store: place.name, inUseBy: place.owner?.pid, ...found });
  }
  if (flags.json === true) return print(measured.length === 1 ? measured[0] : { stores: measured });
  for (const {
    store,
    fileBytes,
    usedBytes,
    boundBytes,
    pages,
    namedPages,
    tasks,
    pagesSetAside,
    manifestsSetAside,
  } of measured) {
    const times = pages === 0 ? 1 : namedPages / pages;
    process.stdout.write(
      `store of ${store}: ${bytesText(usedBytes)} in use of ${bytesText(boundBytes)}, file ${bytesText(fileBytes)}; ` +
        `${pages} pages, each standing in ${times.toFixed(1)} places; set aside ${pagesSetAside} pages, ${manifestsSetAside} manifests\n`,
    );
    process.stdout.write(
      table(
        ['TASK', 'CHECKPOINTS', 'OLDEST', 'NEWEST', 'MEMORY'],
        tasks.map(({ task, checkpoints, oldest, newest, memoryBytes }) => [
          task,
          String(checkpoints),
          `${oldest.epoch}.${oldest.sequence}`,
          `${newest.epoch}.${newest.sequence}`,
          bytesText(memoryBytes),
        ]),
      ),
    );
  }
}

// ——— changing ———

async function compact(flags: StoreFlags): Promise<void> {
  const [{ assertFree, findStores }, { compactStore }] = await Promise.all([
    import('../store/find-stores.ts'),
    import('../store/compact-store.ts'),
  ]);
  const places = findStores(flags);
  for (const place of places) assertFree(place, 'compacting');
  const results = [];
  for (const place of places) {
    const result = await compactStore(place.path, (sentence) => note(`${place.name}: ${sentence}`));
    results.push({ store: place.name, ...result });
    if (flags.json !== true)
      process.stdout.write(
        `store of ${place.name}: ${bytesText(result.bytesBefore)} before, ${bytesText(result.bytesAfter)} now` +
          `${result.referencesMended === 0 ? '' : `; ${result.referencesMended} counts of references mended`}\n`,
      );
  }
  if (flags.json === true) print(results.length === 1 ? results[0] : { stores: results });
}

async function exportTo(
  file: string,
  flags: StoreFlags & { readonly task: readonly string[]; readonly all?: boolean },
): Promise<void> {
  const [{ findStore }, { exportStore }] = await Promise.all([
    import('../store/find-stores.ts'),
    import('../store/export-store.ts'),
  ]);
  const place = findStore(flags);
  const result = await reading(place, (reader) =>
    exportStore({
      reader,
      file,
      tasks: flags.task.length === 0 ? undefined : flags.task,
      all: flags.all === true,
      exportedAt: new Date().toISOString(),
      onProgress: progressOf('exporting'),
    }),
  );
  if (flags.json === true) print({ store: place.name, file, ...result });
  else {
    process.stdout.write(
      `${file}: ${result.checkpoints.length} checkpoints, ${result.pages} pages, ${bytesText(result.bytes)}\n`,
    );
    for (const { task, epoch, sequence, why } of result.leftOut)
      process.stdout.write(`  left out: ${task} ${epoch}.${sequence}: ${why}\n`);
  }
}

async function importFrom(file: string, flags: StoreFlags): Promise<void> {
  const [{ assertFree, findOrMakeStore }, { importArchive }, { openLmdbCheckpointStore }, { systemHasher }] = await Promise.all(
    [
      import('../store/find-stores.ts'),
      import('../store/import-store.ts'),
      import('../../../infra/lmdb/checkpoint-store.ts'),
      import('../../../infra/system/hasher.ts'),
    ],
  );
  const place = findOrMakeStore(flags);
  assertFree(place, 'importing');
  const store = openLmdbCheckpointStore({ path: place.path, hasher: systemHasher, durable: true });
  try {
    const result = await importArchive({ file, store, onProgress: progressOf('importing') });
    if (flags.json === true) print({ store: place.name, file, ...result });
    else
      process.stdout.write(
        `${file}: ${result.taken.length} checkpoints taken, ${result.known} were here already, ${result.pages} pages added\n`,
      );
  } finally {
    await store.close();
  }
}

async function reading<T>(place: StorePlace, run: (reader: StoreReader) => Promise<T>): Promise<T> {
  const [{ StoreReader: Reader }, { systemHasher }] = await Promise.all([
    import('../../../infra/lmdb/store-reader.ts'),
    import('../../../infra/system/hasher.ts'),
  ]);
  const reader = new Reader(place.path, systemHasher);
  try {
    return await run(reader);
  } finally {
    await reader.close();
  }
}

const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const note = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

const PROGRESS_MS = 1_000;

/** A line now and then, to the error stream; nothing at all where it is over in a moment. */
function progressOf(what: string): (done: number, all: number) => void {
  let saidMs = performance.now();
  return (done, all) => {
    if (performance.now() - saidMs < PROGRESS_MS) return;
    saidMs = performance.now();
    note(`${what}: ${all === 0 ? 100 : Math.round((100 * done) / Math.max(done, all))} %`);
  };
}
