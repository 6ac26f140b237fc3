"""Completion of the command in real shells, and suggestions for what was misspelled."""

import os
import subprocess
import sys

import pytest

from tests.support.machine import environment
from tests.support.programs import program


@pytest.fixture
def path(tmp_path):
    """A PATH with `gitdailies` on it."""
    script = tmp_path / "bin/gitdailies"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m gitdailies_cli "$@"\n')
    script.chmod(0o755)
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
    program("bash")
    script = BASH.format(words=" ".join(typed), index=len(typed) - 1)
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment(path),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert set(ran.stdout.split()) == found, ran.stderr


@pytest.mark.parametrize(("shell", "line"), [("zsh", "#compdef gitdailies"), ("fish", "function _git")])
def test_other_shells_get_their_own_form(run, shell, line):
    """zsh and fish get the lines that they read."""
    ran = run("completion", shell)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert line in ran.stdout


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
    ran = run(*typed)

    assert ran.returncode == 2
    assert "Did you mean" in ran.stderr
    assert meant in ran.stderr


def test_a_word_that_is_like_nothing_gets_none(run):
    """No suggestion is made up."""
    ran = run("xyzzy")

    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == "Error: No such command 'xyzzy'."
