/** What `drover learn train --network` takes; in a file of its own, because the command line's help should not load what trains them. */
export const NETWORKS = [
  ...(['fnn', 'rnn', 'cnn', 'snn', 'certified', 'gan', 'trace-gan'] as const),
  ...(['logistic', 'forest', 'knn', 'bayes'] as const),
] as const;
/** What `drover learn study` measures. */
export const STUDIED: readonly string[] = ['fnn', 'rnn', 'cnn', 'snn', 'gan'];
export type NetworkName = (typeof NETWORKS)[number];
