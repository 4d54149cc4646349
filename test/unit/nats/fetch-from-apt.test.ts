import { describe, expect, it } from 'vitest';
import { acquireSettings, chooseMirror, suitesToTry } from '../../../infra/nats/fetch-from-apt.ts';

const line = (...fields: readonly string[]): string => fields.join('|');

describe('the mirror of a machine that uses apt', () => {
  it('is the main archive, wherever it is listed', () => {
    const targets = [
      line('Other', 'Other', 'stable', 'main', 'http://third.example/apt/', '$(SIGNED_BY)'),
      line('Debian', 'Debian-Security', 'bookworm-security', 'main', 'http://mirror.example/debian-security/', '$(SIGNED_BY)'),
      line('Debian', 'Debian', 'bookworm-updates', 'main', 'http://mirror.example/updates/', '$(SIGNED_BY)'),
      line('Debian', 'Debian', 'bookworm', 'contrib', 'http://mirror.example/contrib/', '$(SIGNED_BY)'),
      line('Debian', 'Debian', 'bookworm', 'main', 'http://mirror.example/debian/', '$(SIGNED_BY)'),
    ];
    expect(chooseMirror(targets.join('\n'))).toEqual({
      origin: 'Debian',
      codename: 'bookworm',
      uri: 'http://mirror.example/debian/',
      signedBy: undefined,
    });
  });

  it('keeps the key its source names, if that is a file', () => {
    const keyed = line('Debian', 'Debian', 'trixie', 'main', 'http://m.example/', '/usr/share/keyrings/archive.gpg');
    const inline = line('Debian', 'Debian', 'trixie', 'main', 'http://m.example/', '-----BEGIN PGP');
    expect(chooseMirror(keyed)?.signedBy).toBe('/usr/share/keyrings/archive.gpg');
    expect(chooseMirror(inline)?.signedBy).toBeUndefined();
  });

  it('is none where apt lists nothing but a CD', () => {
    expect(chooseMirror('')).toBeUndefined();
    expect(chooseMirror(line('Debian', 'Debian', 'bookworm', 'main', 'cdrom://disk/', ''))).toBeUndefined();
  });

  it('is asked for newer suites first, then for its own', () => {
    const mirror = { codename: 'bookworm', uri: 'http://m.example/', signedBy: undefined };
    expect(suitesToTry({ ...mirror, origin: 'Debian' })).toEqual(['sid', 'trixie', 'bookworm']);
    expect(suitesToTry({ ...mirror, origin: 'Debian', codename: 'sid' })).toEqual(['sid', 'trixie']);
    expect(suitesToTry({ ...mirror, origin: 'Ubuntu', codename: 'noble' })).toEqual(['devel', 'noble']);
    // Without a downloaded Release file apt leaves its field names unfilled.
    expect(suitesToTry({ ...mirror, origin: '$(ORIGIN)', codename: '$(RELEASE)' })).toEqual([]);
  });

  it('is reached as the administrator set apt up, without its hooks and index targets', () => {
    const dump = [
      'APT::Update::Post-Invoke-Success:: "something";',
      'Acquire::http::Proxy "http://proxy.example:3128";',
      'Acquire::IndexTargets::deb::Packages::MetaKey "x";',
      'Dir::State "/var/lib/apt";',
    ];
    expect(acquireSettings(dump.join('\n'))).toEqual(['Acquire::http::Proxy "http://proxy.example:3128";']);
  });
});
