"""Rows that `--skip-bad` sets aside: into a new file, whole or not at all, before anything is sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gitdailies_cli.main import gitdailies
from gitdailies_core.errors import UsageError

from tests.component.history.test_sending import KEY, Scripted
from tests.support.history.faulty import GOOD, HEADER, deploy

BAD = deploy(commitSHA="v1.4.2")


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A receiver that takes whatever comes, and a folder with a file of one good row and one at fault."""
    monkeypatch.chdir(tmp_path)
    running = Scripted()
    running.answers = [lambda _: (202, {}, {})] * 9
    monkeypatch.setenv("GITDAILIES_WEBHOOK_URL", running.url)
    monkeypatch.setenv("GITDAILIES_WEBHOOK_KEY", KEY)
    Path("h.csv").write_text(HEADER + GOOD + BAD)
    yield running
    running.close()


def imported(*arguments: str) -> Result:
    return CliRunner().invoke(gitdailies, ["history", "import", *arguments])


def refusal(ran: Result) -> str:
    assert isinstance(ran.exception, UsageError), ran.output
    return str(ran.exception)


def names() -> set[str]:
    return {path.name for path in Path().iterdir()} - {"gitdailies-data"}


def test_faulty_rows_are_written_to_a_file_and_the_others_sent(receiver: Scripted) -> None:
    """The file has the header and the faulty rows, no other file is left, and the exit code is 4."""
    ran = imported("h.csv", "--skip-bad", "faulty.csv")

    assert ran.exit_code == 4, ran.output
    assert Path("faulty.csv").read_text() == HEADER + BAD
    assert (len(receiver.bodies), names()) == (1, {"h.csv", "faulty.csv"})


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_existing_file_is_refused_and_unchanged(receiver: Scripted, more: tuple[str, ...]) -> None:
    """Neither the file to import nor another existing file is overwritten, and nothing is sent."""
    Path("good.csv").write_text(HEADER + GOOD)
    before = {name: Path(name).read_bytes() for name in names()}

    for given in (["h.csv", "--skip-bad", "h.csv"], ["--skip-bad", "h.csv", "good.csv"]):
        assert refusal(imported(*given, *more)) == (
            "--skip-bad: h.csv exists and holds something else; name a new file"
        )
    assert (receiver.bodies, {name: Path(name).read_bytes() for name in names()}) == ([], before)


def test_the_same_command_again_finds_its_own_file(receiver: Scripted) -> None:
    """After a dry run or an interruption it goes on; rows that were put right since are not written over."""
    command = ("h.csv", "--skip-bad", "faulty.csv")
    imported(*command, "--dry-run")
    codes = [imported(*command).exit_code for _ in range(2)]
    Path("faulty.csv").write_text(HEADER + GOOD)

    assert codes == [4, 4]
    assert "holds something else" in refusal(imported(*command))
    assert Path("faulty.csv").read_text() == HEADER + GOOD


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/faulty.csv", "expected a file to write, got: no such file or directory"),
        ("h.csv/faulty.csv", "expected a file to write, got: not a directory"),
        ("folder", "folder exists and holds something else; name a new file"),
        (".", ". exists and holds something else; name a new file"),
    ],
)
def test_an_unwritable_file_is_refused_before_anything_is_sent(
    receiver: Scripted, path: str, message: str
) -> None:
    """The error is one line that names the option, and no part of a file is left."""
    Path("folder").mkdir()

    assert refusal(imported("h.csv", "--skip-bad", path)) == f"--skip-bad: {message}"
    assert (receiver.bodies, names()) == ([], {"h.csv", "folder"})


def test_a_full_disk_leaves_no_half_of_a_file(receiver: Scripted) -> None:
    """If writing fails in the middle, no file is left and nothing is sent."""
    Path("full").symlink_to("/dev/full")
    Path("faulty.csv.part").symlink_to("full")

    assert refusal(imported("h.csv", "--skip-bad", "faulty.csv")) == (
        "--skip-bad: expected a file to write, got: no space left on device"
    )
    assert (receiver.bodies, names()) == ([], {"h.csv", "full"})


def test_without_a_faulty_row_nothing_is_opened(receiver: Scripted) -> None:
    """If no row is faulty, a missing folder for the file is no error."""
    Path("h.csv").write_text(HEADER + GOOD)
    ran = imported("h.csv", "--skip-bad", "missing/faulty.csv")

    assert (ran.exit_code, len(receiver.bodies), names()) == (0, 1, {"h.csv"})
