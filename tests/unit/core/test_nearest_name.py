"""Which valid name is offered for one that is not."""

import pytest
from gitdailies_core.values.nearest_name import did_you_mean

COLUMNS = ("kind", "repo", "commitSHA", "environment", "branch", "time", "service", "commitTime")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("commitSah", "commitSHA"),
        ("enviroment", "environment"),
        ("sha", "commitSHA"),
        ("repository", "repo"),
        ("env", "environment"),
        ("service_name", "service"),
        # A part of several, too short, of none, or nothing.
        ("mit", ""),
        ("e", ""),
        ("deployed by", ""),
        ("", ""),
    ],
)
def test_the_valid_name_that_was_probably_meant(written: str, meant: str) -> None:
    """A typo, or a part of one name alone; where it might be several, none is offered."""
    assert did_you_mean(written, COLUMNS) == (f"; did you mean {meant}" if meant else "")


def test_a_letter_is_no_hint() -> None:
    """A valid name of one or two letters is in many a name by chance."""
    assert did_you_mean("service_id", ("e", "id")) == ""
