/**
 * The import table of DESIGN.md as rules: the domain knows, ports ask, charts decide, actors do, infra touches, the app
 * wires. One rule per arrow that must not exist; each says what to do instead.
 */

/** Packages of node_modules, whatever they are used for (types included, because a type also binds). */
const PACKAGE = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'];

module.exports = {
  forbidden: [
    {
      // src/domain is pure: itself only. protocol/ is the one exception, since generated code needs its runtime.
      name: 'domain-knows-only-itself',
      comment: 'src/domain imports nothing but itself. What it needs from the world becomes an argument or a port.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: ['^src/domain/', 'node_modules/@bufbuild/protobuf/'] },
    },
    {
      // Only the wire format may know Protocol Buffers; the rest of the domain sees decoded, plain types.
      name: 'protobuf-only-in-protocol',
      comment: 'Only src/domain/protocol may import @bufbuild/protobuf; elsewhere use the decoded types of messages.ts.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: '^src/domain/protocol/' },
      to: { path: 'node_modules/@bufbuild/protobuf/' },
    },
    {
      // A port is a promise in domain words; it must not lean on any implementation.
      name: 'ports-ask-in-domain-words',
      comment: 'src/ports imports only src/domain and other ports, never a package, node:* or an implementation.',
      severity: 'error',
      from: { path: '^src/ports/' },
      to: { pathNot: ['^src/domain/', '^src/ports/'] },
    },
    {
      // Charts name effects and never perform them, therefore they cannot even reach a port.
      name: 'charts-only-decide',
      comment: 'statecharts import only src/domain, other charts and xstate. Name an effect; an actor performs it.',
      severity: 'error',
      from: { path: '^statecharts/' },
      to: { pathNot: ['^src/domain/', '^statecharts/', 'node_modules/xstate/'] },
    },
    {
      // Actors carry out effects through ports; which adapter answers is the app's business.
      name: 'actors-do-through-ports',
      comment: 'actors import only src/domain, src/ports, statecharts and xstate. Reach the world through a port.',
      severity: 'error',
      from: { path: '^actors/' },
      to: { pathNot: ['^src/domain/', '^src/ports/', '^statecharts/', '^actors/', 'node_modules/xstate/'] },
    },
    {
      // Adapters implement ports. An adapter that knew an actor or a chart would decide instead of touch.
      name: 'infra-never-decides',
      comment: 'infra imports src/domain, src/ports, packages and node:*, never actors, statecharts, src/app or src/console.',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: ['^actors/', '^statecharts/', '^src/app/', '^src/console/'] },
    },
    {
      // nats, lmdb, runtime, … are separate adapters: what two of them share belongs to the domain or a port. The
      // simulated world and system (clock, randomness, digest) may be used where a port of theirs is needed.
      name: 'adapters-do-not-know-each-other',
      comment: 'An adapter does not import another adapter; meet through a port, wired in src/app.',
      severity: 'error',
      from: { path: '^infra/([^/]+)/' },
      to: { path: '^infra/', pathNot: ['^infra/$1/', '^infra/system/'] },
    },
    {
      // The console runs in a browser: it may draw and replay charts, and gets everything else over the wire.
      name: 'console-sees-domain-and-charts',
      comment: 'src/console imports only src/domain, statecharts, xstate and itself (it runs in a browser).',
      severity: 'error',
      from: { path: '^src/console/' },
      to: { pathNot: ['^src/console/', '^src/domain/', '^statecharts/', 'node_modules/xstate/'] },
    },
    {
      // The composition root is the top: whoever imported it would drag every adapter along.
      name: 'nothing-imports-the-app',
      comment: 'Only src/app and test/ import src/app; move what is shared into the domain or behind a port.',
      severity: 'error',
      from: { pathNot: ['^src/app/', '^test/'] },
      to: { path: '^src/app/' },
    },
    {
      // Tests see everything and nothing sees them, so that a build never carries a fake.
      name: 'nothing-imports-test',
      comment: 'Nothing imports test/. A fake that production needs is an adapter (infra/sim).',
      severity: 'error',
      from: { pathNot: ['^test/', '^vitest\\.config\\.ts$'] },
      to: { path: '^test/' },
    },
    {
      // src has exactly the four folders of the table; a fifth would escape every rule above.
      name: 'no-folder-outside-the-table',
      comment: 'src holds domain, ports, app and console; a new folder needs its row in DESIGN.md and a rule here.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: '^src/(domain|ports|app|console)/' },
    },
    {
      // Two files that need each other are one idea: merge them, or find the third that both need. Types count too.
      name: 'no-cycles',
      comment: 'No import cycles: merge the two ideas, or extract what both need.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      // A file that does not resolve is a spelling error or a missing dependency; neither should wait for run time.
      name: 'everything-resolves',
      comment: 'An import that does not resolve.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      // What runs in production must be installed in production.
      name: 'production-needs-no-dev-package',
      comment: 'src, actors, statecharts and infra import only dependencies of package.json, not devDependencies.',
      severity: 'error',
      from: { path: '^(src|actors|statecharts|infra)/' },
      to: {
        dependencyTypes: PACKAGE.filter((kind) => kind !== 'npm' && kind !== 'npm-peer' && kind !== 'npm-optional'),
        pathNot: 'node_modules/@types/',
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|examples)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Type-only imports count: a port that mentions an adapter's type is bound to it as well.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
