/** `--local-path`, wherever processes of a fleet are started on this machine. */
import { type Command, Option } from 'commander';

export interface LocalPathFlags {
  readonly localPath: 'on' | 'off';
}

export const withLocalPathOption = (command: Command): Command =>
  command.addOption(
    new Option(
      '--local-path <on|off>',
      'hosts of this machine with the same data folder hand pages over by sockets in it, past the server',
    )
      .choices(['on', 'off'])
      .default('on'),
  );
