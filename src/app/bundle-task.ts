/**
 * Bundles a `worker` task: TypeScript or JavaScript and everything it imports, into one script without its types. The bundler
 * is loaded only when something has to be bundled: it is large.
 *
 * Nothing of Node can be imported, because on an ECU nothing of Node is there.
 */
import { isBuiltin } from 'node:module';
import { DroverError } from '../domain/kernel/error-codes.ts';

/** Fails with ERR_MODULE_INVALID and the bundler's own words, or with ERR_MODULE_REFUSED for what a task must not import. */
export async function bundleTask(entry: string, constants: Readonly<Record<string, number>>): Promise<string> {
  const { rolldown } = await import('rolldown');
  const refused = new Set<string>();
  try {
    const bundle = await rolldown({
      input: entry,
      platform: 'neutral',
      logLevel: 'silent',
      // The user's own settings for their editor have no say in what runs.
      tsconfig: false,
      transform: { define: Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, String(value)])) },
      plugins: [
        {
          name: 'drover-nothing-of-node',
          resolveId(source) {
            if (!isBuiltin(source)) return null;
            refused.add(source);
            return { id: source, external: true };
          },
        },
      ],
    });
    const { output } = await bundle.generate({ format: 'cjs', exports: 'named', codeSplitting: false });
    await bundle.close();
    const [chunk] = output;
    for (const name of [...chunk.imports, ...chunk.dynamicImports]) refused.add(name);
    if (refused.size === 0) return chunk.code;
  } catch (cause) {
    throw new DroverError(
      'ERR_MODULE_INVALID',
      `${entry} cannot be bundled: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  throw new DroverError(
    'ERR_MODULE_REFUSED',
    `a migratable task must not import ${[...refused].sort().join(', ')}: what it needs of the world comes in as input`,
  );
}
