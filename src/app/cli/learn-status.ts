/** `drover learn status`: what a running fleet has learned, from what, and who learned it. */
import type { Command } from 'commander';
import { percent, versionText } from '../../domain/learn/fleet/model-head.ts';
import type { LearningStatus } from '../learn/fleet-status.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { bytesText } from './bytes-text.ts';
import { stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';
import { table } from './table.ts';
import { withClient } from './with-client.ts';

interface LearnStatusFlags extends BrokerFlags {
  readonly json?: boolean;
}

export function registerLearnStatus(learn: Command): void {
  const command = learn
    .command('status')
    .description('show what a running fleet has learned: versions of its model, rows, accuracies, who trained and on what')
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'Versions, managers and bridges', line: 'drover learn status' },
    { does: 'How good the newest version is', line: 'drover learn status --json | jq .versions[0].accuracy' },
  ]).action(learnStatus);
}

async function learnStatus(flags: LearnStatusFlags): Promise<void> {
  const { learningStatus } = await import('../learn/fleet-status.ts');
  await withClient(flags, async (client) => {
    const status = await learningStatus(client);
    process.stdout.write(flags.json === true ? `${JSON.stringify(status)}\n` : told(status));
  });
}

function told(status: LearningStatus): string {
  const { rows, sets, met, missed, asTested, tested, bytes, bytesMax } = status;
  const bound = bytesMax === undefined ? '' : ` of ${bytesText(bytesMax)}`;
  const agreement = tested === 0 ? '' : `; as the exact test says in ${percent(asTested / tested)}`;
  const seen =
    rows === 0
      ? 'no rows yet: ECUs report them when they are started with --learn\n'
      : `${rows} rows about ${sets} sets, ${met} met and ${missed} missed${agreement} (${bytesText(bytes)}${bound})\n`;
  return [seen, versionsTold(status), attemptsTold(status), managersTold(status), bridgesTold(status)]
    .filter((part) => part !== '')
    .join('\n');
}

function versionsTold({ versions }: LearningStatus): string {
  if (versions.length === 0) return 'no version yet\n';
  return table(
    ['VERSION', 'PARENT', 'RIGHT', 'PARENT RIGHT', 'HELD BACK', 'LEARNED SETS', 'ROWS', 'DRAWN', 'ABOUT', 'BY', 'WHEN', 'TOOK'],
    versions.map((one) => [
      stdoutColours.green(versionText(one)),
      one.parent?.slice(0, 8) ?? '-',
      percent(one.accuracy),
      one.parentAccuracy === undefined ? '-' : percent(one.parentAccuracy),
      ...[one.heldBack, one.sets, one.rows, one.drawn].map(String),
      one.scheduling,
      one.by,
      timeText(one.atUs),
      `${(one.tookUs / 1e6).toFixed(1)} s`,
    ]),
  );
}

const attemptsTold = ({ attempts }: LearningStatus): string =>
  attempts
    .map(({ by, atUs, why }) => `${stdoutColours.yellow('not published')}: what ${by} trained at ${timeText(atUs)} ${why}\n`)
    .join('');

function managersTold({ managers }: LearningStatus): string {
  if (managers.length === 0) return 'no manager asks a model\n';
  return managers
    .map(({ manager, advisedBy, refused, learner }) => {
      const advice = advisedBy === undefined ? 'ranks without a model' : `ranks by ${advisedBy}`;
      const wrong = refused === undefined ? '' : `; ${stdoutColours.red(refused)}`;
      if (learner === undefined) return `${manager} ${advice}, does not train${wrong}\n`;
      const { training, sets, setsLeast, rank } = learner;
      const turn = rank === 0 ? 'first to train' : `trains if ${rank} before it do not`;
      return `${manager} ${advice}, ${training ? 'trains' : `${turn}, knows ${sets} sets of ${setsLeast} needed`}${wrong}\n`;
    })
    .join('');
}

function bridgesTold({ bridges }: LearningStatus): string {
  if (bridges.length === 0) return '';
  return table(
    ['ECU', 'SHARES BY', 'ROWS', 'WINDOW', 'LEARNS ON FROM', 'LEARNED', 'RIGHT', 'AS IT CAME', 'STATE', 'LONGEST UPDATE'],
    bridges.map(
      ({ name, scheduling, rows, windowUs, version, learned, rightLearning, rightAsCame, stateBytes, updateUsMax }) => [
        name,
        scheduling,
        String(rows),
        `${windowUs / 1e6} s`,
        version === 0 ? '-' : `v${version}`,
        String(learned),
        learned === 0 ? '-' : percent(rightLearning / learned),
        learned === 0 ? '-' : percent(rightAsCame / learned),
        bytesText(stateBytes),
        `${updateUsMax} µs`,
      ],
    ),
  );
}

const timeText = (atUs: number): string => new Date(Math.floor(atUs / 1000)).toISOString().slice(0, 19).replace('T', ' ');
