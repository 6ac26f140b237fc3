"""Completion of the command in real shells, and suggestions for what was misspelled."""

import os
import sys

import pytest

from tests.support.machine import environment
from tests.support.programs import planted, program, ran


@pytest.fixture
def path(tmp_path):
    """A PATH with `gitdailies` on it."""
    script = planted(
        tmp_path / "bin/gitdailies", f'#!/bin/sh\nexec {sys.executable} -m gitdailies_cli "$@"\n'
    )
    return {"PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"}


# Calls the printed function as bash does for the Tab key behind these words, and prints what it found.
BASH = """
eval "$(gitdailies completion bash)"
COMP_WORDS=({words})
COMP_CWORD={index}
_gitdailies_completion gitdailies
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (("gitdailies", "de"), {"demo", "deploy"}),
        (("gitdailies", "relay", "ex"), {"explain"}),
        (("gitdailies", "events", "--fo"), {"--follow", "--format"}),
        (("gitdailies", "completion", "z"), {"zsh"}),
        (("gitdailies", "--v"), {"--version"}),
    ],
)
def test_bash_completes(tmp_path, path, typed, found):
    """What `completion bash` prints completes commands, subcommands, options and choices."""
    script = BASH.format(words=" ".join(typed), index=len(typed) - 1)
    done = ran([program("bash"), "-c", script], tmp_path, environment(path))

    assert set(done.stdout.split()) == found, done.stderr


@pytest.mark.parametrize(("shell", "line"), [("zsh", "#compdef gitdailies"), ("fish", "function _git")])
def test_other_shells_get_their_own_form(run, shell, line):
    """zsh and fish get the lines that they read."""
    done = run("completion", shell)

    assert (done.returncode, done.stderr) == (0, "")
    assert line in done.stdout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("depoy",), "'deploy'"),
        (("relay", "explian"), "'explain'"),
        (("history", "imprt"), "'import'"),
        (("deploy", "--enviroment", "x"), "'--environment'"),
        (("relay", "status", "--jsn"), "'--json'"),
    ],
)
def test_a_misspelled_word_gets_a_suggestion(run, typed, meant):
    """A command, a subcommand and an option that do not exist end with 2 and the nearest that does."""
    done = run(*typed)

    assert done.returncode == 2
    assert "Did you mean" in done.stderr
    assert meant in done.stderr


def test_a_word_that_is_like_nothing_gets_none(run):
    """No suggestion is made up."""
    done = run("xyzzy")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: No such command 'xyzzy'."
