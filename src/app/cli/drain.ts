/** `drover drain`: everything away from an ECU, and nothing new to it, until `--undo`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { stderrColours } from './colours.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';
import { interruption, withClient } from './with-client.ts';

interface DrainFlags extends BrokerFlags {
  readonly undo?: boolean;
  readonly wait: number;
  readonly json?: boolean;
}

const WAIT_S = 60;
const POLL_MS = 200;

export function registerDrain(program: Command): void {
  const command = program
    .command('drain')
    .argument('<ecu>', 'the ECU, by name or MAC')
    .description('move all tasks away from an ECU, then refuse newcomers there until --undo')
    .option('--undo', 'it may take tasks again')
    .option('--wait <seconds>', 'how long to wait until it is empty (0: do not)', wholeNumber(0, 3_600), WAIT_S)
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'Empty an ECU before it is switched off', line: 'drover drain ecu1' },
    { does: 'It is back', line: 'drover drain ecu1 --undo' },
  ]).action(drain);
}

async function drain(ecu: string, flags: DrainFlags): Promise<void> {
  const { drainEcu, queryFleet } = await import('../fleet/fleet-calls.ts');
  const undo = flags.undo === true;
  const { asked } = interruption();
  await withClient(flags, async (client) => {
    const mac = await drainEcu(client, ecu, undo);
    const deadline = performance.now() + flags.wait * 1000;
    let shown = '';
    let left: readonly string[] = [];
    for (;;) {
      left = (await queryFleet(client)).ecus.find((one) => one.mac === mac)?.tasks ?? [];
      if (undo || left.length === 0 || performance.now() >= deadline || asked()) break;
      const sentence = `${left.length} left on ${ecu}: ${left.join(', ')}`;
      if (sentence !== shown) process.stderr.write(`${stderrColours.dim(sentence)}\n`);
      shown = sentence;
      await sleep(POLL_MS);
    }
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ ecu: mac, draining: !undo, left })}\n`);
    else if (undo) process.stderr.write(`${ecu} may take tasks again\n`);
    else if (left.length === 0)
      process.stderr.write(`${ecu} is empty, and gets nothing new until: drover drain ${ecu} --undo\n`);
    const isLate = !undo && left.length > 0 && flags.wait > 0 && !asked();
    if (isLate)
      throw new DroverError(
        'ERR_NO_PLACE',
        `after ${flags.wait} s ${left.join(', ')} still run on ${ecu}; they leave as soon as another ECU can take them (drover explain task/${left[0]})`,
      );
  });
}
