"""Forms. Their fields are checked by the functions that commands and the API use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_connection.config.sections.settings import NO_TEAM
from gitdailies_core.errors import UsageError

from gitdailies_dora.accounts import people
from gitdailies_dora.figures.history.teams import NO_TEAM_TITLE, Teams
from gitdailies_dora.pages.frame.request_context import FormFields

# The field of a form with the last day of a period, in place of `to`.
THROUGH = "through"


def team_choices(teams: Teams) -> list[tuple[str, str]]:
    """Return the key and the title of each team to choose from; none if there are no teams."""
    return [*teams.titles.items(), (NO_TEAM, NO_TEAM_TITLE)] if teams else []


def role_words(*, members_correct: bool) -> Mapping[str, str]:
    """Return the text of each role. The setting `dora.corrections` says who may correct."""
    sees, corrects = "sees figures and events", "corrects how they are counted"
    member = f", and {corrects}" if members_correct else ""
    return {
        people.READER: f"Reader: {sees}",
        people.MEMBER: f"Member: {sees}{member}",
        people.OWNER: f"Owner: {sees}, {corrects}, manages keys and people, and sees the audit trail",
    }


def with_last_day(given: Mapping[str, str]) -> dict[str, str]:
    """Return filters with `to` in place of `through`: the last day that a person picks counts."""
    found = dict(given)
    if last := found.pop(THROUGH, ""):
        found["to"] = _moved(last, 1)
    return found


def last_day(to: str) -> str:
    """Return the last day of a period up to a date, as a form shows it; anything else as it is."""
    return _moved(to, -1)


def _moved(text: str, days: int) -> str:
    try:
        return (date.fromisoformat(text) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return text


def sentence(text: str) -> str:
    """Return a text with a full stop and a capital, unless it begins with the name of a repository."""
    return f"{text}." if "/" in text.partition(" ")[0] else f"{text[:1].upper()}{text[1:]}."


class Wrong(NamedTuple):
    """What is wrong with a form: a sentence above it, and one at each wrong field."""

    above: str = ""
    beside: Mapping[str, str] = MappingProxyType({})


def wrong_of(detail: str, fields: Sequence[str]) -> Wrong:
    """Return an error with its field if it names one of *fields*; any other error goes above the form."""
    name, _, text = detail.partition(": ")
    if name in fields:
        return Wrong(beside={name: sentence(text)})
    return Wrong(above=sentence(text) if name == "form" else f"{detail}.")


class Form:
    """A form: the texts of its fields, and a sentence at each wrong field."""

    def __init__(self, given: FormFields) -> None:
        self.given = given
        self.wrong: dict[str, str] = {}

    @property
    def status(self) -> int:
        """The status of a page that shows the form."""
        return 422 if self.wrong else 200

    def text(self, name: str) -> str:
        """Return the text of a field; "" if the form lacks it."""
        return self.given.get(name, "")

    def checked(self, name: str, empty: str, check: Callable[[str], object] = str) -> str:
        """Return what a field contains. *empty* is what to do if it is empty; *check* raises UsageError."""
        text = self.text(name)
        if not text:
            self.wrong[name] = empty
        else:
            with self.beside(name):
                check(text)
        return text

    @contextmanager
    def beside(self, name: str) -> Iterator[None]:
        """Show a UsageError at its field, without the name of the field."""
        try:
            yield
        except UsageError as error:
            self.wrong[name] = sentence(str(error).partition(": ")[2])

    def new_password(self, person: str) -> str:
        """Return the new password of a person, which is entered twice because it is not visible."""
        text = self.checked("password", "Enter a password.", partial(people.checked_password, name=person))
        if text != self.text("again"):
            self.wrong["again"] = "The passwords differ. Enter the same one twice."
        return text

    def expires_at(self, now: datetime, longest_days: int | None = None) -> datetime | None:
        """Return the end of the day in `expires`, in the time zone of *now*; None if it is empty or wrong.

        With *longest_days*, a day must be chosen, at most that far away.
        """
        text = self.text("expires")
        if not text:
            self.wrong |= {} if longest_days is None else {"expires": "Choose a day."}
            return None
        try:
            day = datetime.combine(date.fromisoformat(text), time.min, now.tzinfo)
        except ValueError:
            self.wrong["expires"] = "Enter a day like 2026-11-30."
            return None
        end = day + min(timedelta(days=1), datetime.max.replace(tzinfo=now.tzinfo) - day)
        if end <= now:
            self.wrong["expires"] = "Choose a day in the future."
        elif longest_days is not None and end > now + timedelta(days=longest_days + 1):
            self.wrong["expires"] = f"Choose a day within {longest_days} days."
        return end
