# Runs a command on a terminal of its own (standard error goes to a file), destroys the terminal once a line on it holds a word,
# and says how the command ended. Arguments: file for standard error, word, command.
import json
import os
import pty
import sys

errors, word, command = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 2)
    os.execvp(command[0], command)
seen = b""
while word not in seen:
    seen += os.read(terminal, 4096)
os.close(terminal)
_, status = os.waitpid(pid, 0)
code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
print(json.dumps({"exitCode": code, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None}))
