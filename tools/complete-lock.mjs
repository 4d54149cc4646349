/**
 * Completes package-lock.json after `npm install` on a registry that lacks some platform packages (a mirror, mostly):
 * npm then leaves them out of the lock, and `npm ci` refuses such a lock on every machine. Each missing one is added in
 * the exact version that its parent asks for, with os, cpu and libc read from its name, and without an integrity, since
 * nobody here has seen it. Run it as `node tools/complete-lock.mjs`; test/tidy.test.ts fails when it is needed.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const PATH = 'package-lock.json';
const SYSTEMS = ['android', 'darwin', 'linux', 'win32', 'freebsd', 'openharmony'];
const PROCESSORS = {
  arm64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  arm: 'arm',
  armv7: 'arm',
};

const lock = JSON.parse(readFileSync(PATH, 'utf8'));
const present = (name) => Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`));

for (const parent of Object.values(lock.packages)) {
  const asked = parent.optionalDependencies ?? {};
  const sibling = lock.packages[`node_modules/${Object.keys(asked).find(present)}`];
  for (const [name, version] of Object.entries(asked)) {
    if (present(name)) continue;
    lock.packages[`node_modules/${name}`] = entry({ name, version, parent, sibling });
    console.log(`added ${name}@${version}`);
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : a.localeCompare(b, 'en')));
writeFileSync(PATH, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);

function entry({ name, version, parent, sibling }) {
  const words = (name.split('/').at(-1) ?? '').split(/[-_]/);
  const os = words.find((word) => SYSTEMS.includes(word));
  const processor = words.find((word) => word in PROCESSORS);
  if (!/^\d+\.\d+\.\d+$/.test(version) || os === undefined || processor === undefined) {
    throw new Error(`${name}@${version} does not look like a platform package; add it to ${PATH} by hand`);
  }
  const glibc = os === 'linux' && (words.some((word) => word.startsWith('gnu')) || sibling?.libc !== undefined);
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : glibc ? ['glibc'] : undefined;
  return {
    version,
    cpu: [PROCESSORS[processor]],
    ...(parent.dev === true && { dev: true }),
    ...(libc !== undefined && { libc }),
    ...(sibling?.license !== undefined && { license: sibling.license }),
    optional: true,
    os: [os],
    ...(sibling?.engines !== undefined && { engines: sibling.engines }),
  };
}
