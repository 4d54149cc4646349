/** The page of the study (`study.ts`): what was measured, as sentences that its numbers make true, and tables. */
import type { Study, StudyResult } from './study.ts';

export function tellStudy(study: Study, pictures: readonly { readonly title: string; readonly file: string }[]): string {
  const { machine, results, epochs, sets, testSets, seed, majorityRate } = study;
  const networks = [...new Set(results.map(({ network }) => network))];
  const backends = [...new Set(results.flatMap((result) => result.backends.map(({ backend }) => backend)))];
  return [
    '# Width and depth',
    '',
    'What do more units a layer (width) and more layers (depth) cost, and what do they bring? Written by `./drover learn study`; change the command, not this page.',
    '',
    `Task: is a set schedulable on one core (fixed priorities, deadline-monotonic, constrained deadlines, 3 to 20 tasks, log-uniform periods, half of the sets schedulable)? Each network learns from ${sets} sets, ${epochs} times over, from seed ${seed}, and is judged on ${testSets} others; always giving the more frequent answer is right ${percent(majorityRate)} of the time. This is a short training, for comparison: what the networks reach with more sets is in the README.`,
    '',
    `Machine: ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.loadBefore}. Backends: ${backends.join(', ')}; accuracy is that of ${backends[0]}. *drover* is the answer on plain typed arrays that production uses, one set at a time with its features; the backends answer in batches of 256 without features. Times are the best of several passes.`,
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
