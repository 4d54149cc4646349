/**
 * The suite finds what is wrong: the Python bridge, spoilt in one place at a time, fails the check that is about that place.
 * Needs python3.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';
import { type BridgePlace, conform, startProcess } from '../support/conformance.ts';

const MAC = '02bb00000002';
const FOLDER = join(projectRoot(), 'examples', 'bridges', 'python');
const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']).status === 0;

interface Spoilt {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly finds: string;
}

const SPOILT: readonly Spoilt[] = [
  {
    what: 'lets the least urgent go first',
    file: 'core.py',
    from: '-spec.get("priority", 0)',
    to: 'spec.get("priority", 0)',
    finds: 'scheduling/most-urgent-first',
  },
  {
    what: 'takes jobs first come first served',
    file: 'core.py',
    from: 'mine = (not spec.get("period_us"), -spec.get("priority", 0), next(self.numbers))',
    to: 'mine = (next(self.numbers),)',
    finds: 'scheduling/most-urgent-first',
  },
  {
    what: 'appends without an expected sequence',
    file: 'instance.py',
    from: 'self.output_sequence, message_id',
    to: 'None, message_id',
    finds: 'fencing/higher-epoch',
  },
  {
    what: 'frees when one manager has it',
    file: 'checkpoints.py',
    from: '< self.quorum',
    to: '< 1',
    finds: 'checkpoints/freed-at-quorum',
  },
  {
    what: 'puts out again what it replays',
    file: 'instance.py',
    from: 'self.accepted = last.number(OUTPUT) if last else 0',
    to: 'self.accepted = 0',
    finds: 'restore/suppresses',
  },
  {
    what: 'does not look at digests',
    file: 'checkpoints.py',
    from: '!= digests[index * 32 : index * 32 + 32]',
    to: '== b"never"',
    finds: 'restore/damaged',
  },
  {
    what: 'overlooks a gap',
    file: 'instance.py',
    from: 'if number - skipped != last + 1',
    to: 'if number - skipped < last',
    finds: 'outputs/input-gap',
  },
  {
    what: 'obeys overtaken commands',
    file: 'memory.py',
    from: 'if revision < handled',
    to: 'if revision < 0',
    finds: 'commands/overtaken',
  },
  {
    what: 'starts again for a repeated deploy',
    file: 'bridge.py',
    from: 'if self.memory.epoch(task) < epoch',
    to: 'if self.memory.epoch(task) <= epoch',
    finds: 'commands/deploy-again',
  },
  {
    what: 'ticks while it is paused',
    file: 'instance.py',
    from: 'def _stand_still(self):\n        self._untick()',
    to: 'def _stand_still(self):\n        pass',
    finds: 'life/paused-ticks',
  },
  {
    what: 'does not count what is reserved for later',
    file: 'admission.py',
    from: '[*accepted, *map(as_task, kept)]',
    to: 'accepted',
    finds: 'admission/reserved',
  },
  {
    what: 'does not ask whether its MAC is taken',
    file: 'bridge.py',
    from: '        self._refuse_taken_mac()\n',
    to: '',
    finds: 'presence/mac-taken',
  },
  {
    what: 'writes over whoever claimed its MAC meanwhile',
    file: 'bridge.py',
    from: 'self._claim_mac(entry.sequence if entry else 0)',
    to: 'self._announce_again()',
    finds: 'presence/mac-claimed',
  },
  {
    what: 'starts where its inputs are gone',
    file: 'bridge.py',
    from: 'if below < trimmed',
    to: 'if trimmed < 0',
    finds: 'restore/trimmed',
  },
  {
    what: 'beats while it sleeps',
    file: 'bridge.py',
    from: 'if not self.sleep.is_asleep():\n                self.nats',
    to: 'if True:\n                self.nats',
    finds: 'sleep/silent',
  },
  {
    what: 'sleeps with a task',
    file: 'sleep.py',
    from: 'if not self.is_asleep() and task is not None',
    to: 'if False',
    finds: 'sleep/with-a-task',
  },
];

test.skipIf(!hasPython).each(SPOILT)('a bridge that $what fails $finds', async ({ file, from, to, finds }) => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-spoilt-'));
  try {
    cpSync(FOLDER, folder, { recursive: true });
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    expect(text.split(from).length, `${file} holds "${from}" once`).toBe(2);
    writeFileSync(path, text.replace(from, to));
    const start = ({ mac, url, folder: data }: BridgePlace) =>
      startProcess('python3', [join(folder, 'bridge.py'), '--mac', mac, '--nats', url, '--folder', data, '--sleeps'], {
        PYTHONDONTWRITEBYTECODE: '1',
      });
    const result = await conform({ mac: MAC, runtime: 'process', start, patienceUs: 3_000_000 }, finds);
    expect(result.checks.map(({ group, name, outcome }) => `${outcome} ${group}/${name}`)).toEqual([`failed ${finds}`]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
