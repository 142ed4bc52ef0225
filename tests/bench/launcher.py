"""Runs a command and tells what it cost, as JSON on stdout; the command's own output goes nowhere.

A process of its own: a child's peak of memory is never below that of the process that started it.
"""

import json
import os
import sys
import time


def main(command: list[str]) -> None:
    """Prints wall and CPU seconds, peak MiB, exit code and the start by the monotonic clock."""
    began = time.monotonic()
    nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=nowhere)
    _, status, usage = os.wait4(child, 0)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    print(
        json.dumps(
            {
                "wall": time.monotonic() - began,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak": usage.ru_maxrss / unit,
                "code": os.waitstatus_to_exitcode(status),
                "began": began,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
