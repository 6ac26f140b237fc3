"""`gitdailies sources test` answers at once, because a pack is tried after each change of a line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.sources import registry

# Where the command starts in a twelfth of a second, this is a second. Machines differ by two times.
MOST_STARTS, TRIES = 12, 5
COMMAND = str(Path(sys.executable).with_name("gitdailies"))


def size(name):
    """Return the bytes of a pack's examples, which take most of the time."""
    return sum(len(example.request.body) for example in checks.examples(registry.adapter(name)))


def cpu_seconds(*arguments):
    """Return the CPU time of a command, from its start to its end."""
    process = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", sorted(registry.pack_names(), key=size)[-4:])
def test_the_largest_packs_are_checked_at_once(name):
    """The whole process takes as much CPU time as a dozen starts, for the packs with the longest examples."""
    start = min(cpu_seconds("sources", "--help") for _ in range(TRIES))
    assert any(cpu_seconds("sources", "test", name) < MOST_STARTS * start for _ in range(TRIES))
