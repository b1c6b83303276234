import { globSync } from 'node:fs';
import { type Report, type Topic, formatRows, measure } from './harness.ts';

/** `npm run bench [word ...]`: every topic, or those whose file name has one of the words. */
const words = process.argv.slice(2);
const files = globSync('*.bench.ts', { cwd: import.meta.dirname }).toSorted();
const wanted = files.filter(
  (file) => words.length === 0 || words.some((word) => file.includes(word)),
);
if (wanted.length === 0) throw new Error(`no topic matches; there are ${files.join(', ')}`);
process.stdout.write(
  `Node ${process.versions.node}; read ratios, not nanoseconds; 'bare again' over 'bare' is the noise.\n`,
);
for (const file of wanted) {
  const { topics = [], reports = [] } = (await import(`./${file}`)) as {
    readonly topics?: readonly Topic[];
    readonly reports?: readonly Report[];
  };
  for (const topic of topics) {
    process.stdout.write(`\n${formatRows(topic, await measure(topic))}\n`);
  }
  for (const report of reports) process.stdout.write(`\n${await report.run()}\n`);
}
