/** The page of the study (`study.ts`): what was measured, as sentences that its numbers make true, and tables. */
import { STUDIED } from './network-names.ts';
import type { Study, StudyResult } from './study-result.ts';

/** `numbers` is the file beside the page with the numbers alone. */
export function tellStudy(
  study: Study,
  {
    pictures,
    numbers,
  }: { readonly pictures: readonly { readonly title: string; readonly file: string }[]; readonly numbers: string },
): string {
  const { machine, results, epochs, sets, testSets, seed, majorityRate } = study;
  const networks = [...new Set(results.map(({ network }) => network))];
  const backends = [...new Set(results.flatMap((result) => result.backends.map(({ backend }) => backend)))];
  return [
    '# Width and depth',
    '',
    `What do more units a layer (width) and more layers (depth) cost, and what do they bring? Written by \`${commandOf(study)}\`; change the command, not this page. The numbers alone: [${numbers}](${numbers}).`,
    '',
    `Task: is a set schedulable on one core (fixed priorities, deadline-monotonic, constrained deadlines, 3 to 20 tasks, log-uniform periods, half of the sets schedulable)? Each network learns from ${sets} sets, ${epochs} times over, from seed ${seed}, and is judged on ${testSets} others; always giving the more frequent answer is right ${percent(majorityRate)} of the time. This is a short training, for comparison: what the networks reach with more is in [LEARNING.md](LEARNING.md).`,
    '',
    ...(networks.includes('gan') ? [TWIN, ''] : []),
    ...notStudied(networks),
    `Machine: ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.loadBefore}. Backends: ${backends.join(', ')}; accuracy is that of ${backends[0]}.${missing(study)} *drover* is the answer on plain typed arrays that production uses, one set at a time with its features; the backends answer in batches of 128 without features. Training on ${backends[0]} is timed over whole epochs, on the others over one batch of 64. Times are processor time, the best of several passes.`,
    '',
    '## In short',
    '',
    ...shortTable(networks, results),
    '',
    ...pictures.flatMap(({ title, file }) => [`![${title}](${file})`, '']),
    ...networks.flatMap((network) =>
      tableOf(
        network,
        results.filter((result) => result.network === network),
        backends,
      ),
    ),
  ].join('\n');
}

/** What measures the same again. */
function commandOf({ results, sets, epochs, seed }: Study): string {
  const distinct = (value: (result: StudyResult) => string | number): string => [...new Set(results.map(value))].join(',');
  const sizes = `--widths ${distinct(({ width }) => width)} --depths ${distinct(({ depth }) => depth)}`;
  return `./drover learn study --networks ${distinct(({ network }) => network)} ${sizes} --sets ${sets} --epochs ${epochs} --seed ${seed}`;
}

const TWIN =
  'The `gan` is a twin of the data: its generator has the size named here, and so has its critic. An answer is a task set drawn; its accuracy is that of a forest that learned from drawn sets alone, about real ones; a training step sees one batch of 128.';

/** A page must not look complete that is not. */
function notStudied(networks: readonly string[]): string[] {
  const left = STUDIED.filter((network) => !networks.includes(network));
  return left.length === 0 ? [] : [`**Not in this run: ${left.join(', ')}.** \`./drover learn study\` measures all.`, ''];
}

function missing({ notRun }: Study): string {
  if (notRun.length === 0) return '';
  return ` Not run, because they do not work on this machine: ${notRun.map(({ backend, why }) => `${backend} (${why})`).join(', ')}.`;
}

/** What is gained from the smallest size to the best, and what it costs. */
function shortTable(networks: readonly string[], results: readonly StudyResult[]): string[] {
  const rows = networks.map((network) => {
    const all = results.filter((result) => result.network === network);
    const [smallest, best] = [all[0], [...all].sort((a, b) => b.accuracy - a.accuracy)[0]];
    if (smallest === undefined || best === undefined) return '';
    const size = ({ depth, width }: StudyResult): string => `${depth} × ${width}`;
    const [trainSmall, trainBest] = [smallest, best].map((result) => result.backends[0]?.trainMsPerThousand ?? 0);
    return `| ${network} | ${size(smallest)}: ${percent(smallest.accuracy)} in ${smallest.answerUs} µs | ${size(best)}: ${percent(best.accuracy)} in ${best.answerUs} µs | ${trainSmall} → ${trainBest} |`;
  });
  return ['| | smallest (depth × width) | most accurate | training, ms / 1000 sets |', '|---|---|---|---|', ...rows];
}

function tableOf(network: string, results: readonly StudyResult[], backends: readonly string[]): string[] {
  const head = [
    'depth',
    'width',
    'parameters',
    'accuracy',
    'AUC',
    'answer, drover (µs)',
    ...backends.flatMap((backend) => [`answer, ${backend} (µs)`, `training, ${backend} (ms / 1000 sets)`]),
  ];
  const rows = results.map((result) => [
    result.depth,
    result.width,
    result.parameters,
    percent(result.accuracy),
    result.auc.toFixed(3),
    result.answerUs,
    ...backends.flatMap((name) => {
      const times = result.backends.find(({ backend }) => backend === name);
      return [times?.answerUs ?? '', times?.trainMsPerThousand ?? ''];
    }),
  ]);
  const line = (cells: readonly unknown[]): string => `| ${cells.join(' | ')} |`;
  return [`## ${network}`, '', line(head), line(head.map(() => '--:')), ...rows.map(line), '', best(results), ''];
}

function best(results: readonly StudyResult[]): string {
  const [first] = [...results].sort((a, b) => b.accuracy - a.accuracy);
  const [small] = results
    .filter(({ accuracy }) => first !== undefined && first.accuracy - accuracy <= 0.005)
    .sort((a, b) => a.answerUs - b.answerUs);
  if (first === undefined || small === undefined) return '';
  const of = ({ depth, width }: StudyResult): string => `${depth} × ${width}`;
  return `Best: ${of(first)} with ${percent(first.accuracy)}. Within half a point of it and quickest to answer: ${of(small)} with ${percent(small.accuracy)} in ${small.answerUs} µs.`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
