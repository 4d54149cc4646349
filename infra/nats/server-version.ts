/** Versions of nats-server: what `nats-server --version` says, compared by number. */

export interface ServerVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** As printed, without the leading `v`; a pre-release keeps its suffix. */
  readonly text: string;
}

/** The oldest server with what drover stands on: several filters per consumer, re-encoded `$SYS` events, metadata. */
export const SERVER_VERSION_MIN: ServerVersion = { major: 2, minor: 10, patch: 0, text: '2.10.0' };

/** `nats-server: v2.15.1`, `v2.10.0-RC.3`, or the bare number; undefined for anything else. */
export function parseServerVersion(printed: string): ServerVersion | undefined {
  const match = /^(?:nats-server: )?v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})((?:[-+.~][0-9A-Za-z.+~-]+)?)$/.exec(printed.trim());
  if (match === null) return undefined;
  const [, major, minor, patch, suffix] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), text: `${major}.${minor}.${patch}${suffix}` };
}

/** By numbers only: a pre-release counts as its release, because distributions ship what upstream later tags. */
export function isAtLeast(version: ServerVersion, least: ServerVersion): boolean {
  return compareVersions(version, least) >= 0;
}

export function compareVersions(a: ServerVersion, b: ServerVersion): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}
