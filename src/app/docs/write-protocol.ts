/** `npm run docs:protocol`: writes the schema's tables into docs/PROTOCOL.md. Run from the root of the repository. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { protocolReference, replaceBlock } from './protocol-reference.ts';

const PAGE = 'docs/PROTOCOL.md';

const descriptors = execFileSync('node_modules/.bin/buf', ['build', '--as-file-descriptor-set', '-o', '-'], {
  maxBuffer: 64 * 1024 * 1024,
});
const before = readFileSync(PAGE, 'utf8');
const after = replaceBlock(before, 'messages', protocolReference(descriptors));
if (after !== before) writeFileSync(PAGE, after);
process.stdout.write(after === before ? `${PAGE} is as the schema says\n` : `${PAGE} was brought up to the schema\n`);
