"""Kept results: equal texts are worked on once, and the oldest results are forgotten."""

from __future__ import annotations

from gitdailies_webhooks.figures.remembered import Remembered


def test_equal_texts_are_worked_on_once_until_they_are_forgotten() -> None:
    """The last results are kept. The same letters in other texts are another question."""
    worked: list[tuple[str, ...]] = []

    def work(*texts: str) -> str:
        worked.append(texts)
        return "+".join(texts)

    remembered = Remembered(work, 2)
    assert [remembered("ab", "c"), remembered("a", "bc"), remembered("ab", "c")] == ["ab+c", "a+bc", "ab+c"]
    assert worked == [("ab", "c"), ("a", "bc")]
    assert remembered("new") == "new"  # in place of the one that was not asked for again
    assert (remembered("ab", "c"), len(worked)) == ("ab+c", 3)
    assert (remembered("a", "bc"), len(worked)) == ("a+bc", 4)
