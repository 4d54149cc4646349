/** The program behind `npm run docs:charts`. */
import { join } from 'node:path';
import { drawAllCharts } from './docs-charts.ts';
import { projectRoot } from './project-root.ts';

await drawAllCharts(join(projectRoot(), 'docs', 'charts'));
