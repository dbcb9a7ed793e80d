"""Runs MiniStack in a process group of its own until standard input ends, then ends it with everything it started.

The group's id is the first line of the output. Standard input is a pipe from the tests: it ends with them, however they
end. The folder given is removed.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading

child = subprocess.Popen([sys.executable, "-m", "ministack"], stdin=subprocess.DEVNULL, start_new_session=True)
print(child.pid, flush=True)


def end(*_):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_with_input():
    sys.stdin.buffer.read()
    end()


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, end)
threading.Thread(target=end_with_input, daemon=True).start()
code = child.wait()
# What it started outlives it.
end()
shutil.rmtree(sys.argv[1], ignore_errors=True)
sys.exit(code if code > 0 else 0)
