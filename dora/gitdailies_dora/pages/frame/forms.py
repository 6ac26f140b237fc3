"""Forms. Their fields are checked by the functions that commands and the API use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from gitdailies_connection.config.sections.settings import NO_TEAM
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import KINDS
from wtforms import (
    BooleanField,
    DateField,
    Field,
    Form,
    HiddenField,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    ValidationError,
)
from wtforms.validators import InputRequired, Optional

from gitdailies_dora.accounts import people
from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.accounts.screens import LONGEST_DAYS
from gitdailies_dora.figures.history.teams import NO_TEAM_TITLE, Teams

# A token that somebody forgets ends by itself.
LONGEST_TOKEN_DAYS = 366
EVERY, SOME, NONE = "every", "some", "none"
# The field of a form with the last day of a period, in place of `to`.
THROUGH = "through"

# The text of each choice.
SENDS_WORDS = {EVERY: "Every kind of event", SOME: "Only some kinds of event", NONE: "Nothing"}
KIND_WORDS = {kind.word: kind.title for kind in KINDS}


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


def _words(choices: Iterable[str]) -> Any:
    """Return choices without labels, which WTForms accepts although its types do not."""
    return list(choices)


def field_error(error: UsageError) -> str:
    """Return an error as the sentence next to its field, without the name of the field."""
    return sentence(str(error).partition(": ")[2])


def sentence(text: str) -> str:
    """Return a text with a full stop and a capital, unless it begins with the name of a repository."""
    return f"{text}." if "/" in text.partition(" ")[0] else f"{text[:1].upper()}{text[1:]}."


class Wrong(NamedTuple):
    """What is wrong with a form: a sentence above it, and one beside each field that is wrong."""

    above: str = ""
    beside: Mapping[str, str] = MappingProxyType({})


def wrong_of(detail: str, fields: Sequence[str]) -> Wrong:
    """Return an error with its field if it names one of *fields*; any other error goes above the form."""
    name, _, text = detail.partition(": ")
    if name in fields:
        return Wrong(beside={name: sentence(text)})
    return Wrong(above=sentence(text) if name == "form" else f"{detail}.")


def _check(check: Callable[[], object]) -> None:
    """Run a check that raises UsageError as a check of a form."""
    try:
        check()
    except UsageError as error:
        raise ValidationError(field_error(error)) from None


class SignIn(Form):
    """Name and password."""

    name = StringField("Name", [InputRequired("Enter a name.")])
    password = PasswordField("Password", [InputRequired("Enter a password.")])
    next = HiddenField()


class NewPassword(Form):
    """A new password, which is entered twice because it is not visible."""

    password = PasswordField("Password", [InputRequired("Enter a password.")])
    again = PasswordField("Password again")

    # The name of the person; a password must differ from it.
    person_name = ""

    def validate_password(self, field: Field) -> None:
        _check(lambda: people.checked_password(field.data or "", self.person_name))

    def validate_again(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError("The passwords differ. Enter the same one twice.")


class Join(NewPassword):
    """The form behind a one-time link."""

    name = StringField("Name", [InputRequired("Enter a name.")])

    def validate_name(self, field: Field) -> None:
        _check(lambda: people.checked_name(field.data or ""))
        self.person_name = field.data or ""


class ChangePassword(NewPassword):
    """A new password for a person who knows the current one."""

    current = PasswordField("Current password", [InputRequired("Enter your current password.")])
    password = PasswordField("New password", [InputRequired("Enter a password.")])
    again = PasswordField("New password again")


class RoleForm(Form):
    """The role of a person."""

    role = RadioField("Role", choices=_words(reversed(people.ROLES)), default=people.MEMBER)


class _Expiring(Form):
    """A name, and the last day; *expires* is the field of each form."""

    name = StringField("Name", [InputRequired("Enter a name.")])
    expires: DateField

    now: datetime = datetime.max.replace(tzinfo=UTC)

    @property
    def expires_at(self) -> datetime | None:
        """The moment of expiry: the end of the chosen day, in the time zone of *now*."""
        return None if self.expires.data is None else _end_of(self.expires.data, self.now.tzinfo)

    def validate_name(self, field: Field) -> None:
        _check(lambda: keys.checked_name(field.data or ""))

    def validate_expires(self, _: Field) -> None:
        if self.expires_at is not None and self.expires_at <= self.now:
            raise ValidationError("Choose a day in the future.")


class NewKey(_Expiring):
    """Name, rights and expiry of a new key."""

    sends = RadioField("May send", choices=_words(SENDS_WORDS), default=EVERY)
    kinds = SelectMultipleField("Kinds", choices=_words(KIND_WORDS))
    reads = BooleanField("May read events")
    deletes = BooleanField("May delete events")
    corrects = BooleanField("May correct how events are counted")
    repos = StringField("Only for these repositories")
    environments = StringField("Only for these environments")
    expires = DateField("Expires", [Optional()])

    words: ClassVar = {**SENDS_WORDS, **KIND_WORDS}

    @property
    def allow(self) -> frozenset[str]:
        """The chosen rights, in the words of `keys`."""
        sends = {EVERY: [keys.SEND], SOME: self.kinds.data or [], NONE: []}[self.sends.data or EVERY]
        more = [
            (keys.READ, self.reads.data),
            (keys.DELETE, self.deletes.data),
            (keys.CORRECT, self.corrects.data),
        ]
        return frozenset([*sends, *(word for word, chosen in more if chosen)])

    @property
    def limits(self) -> keys.Limits:
        """The chosen limits; raises UsageError."""
        return keys.Limits.make(_listed(self.repos), _listed(self.environments))

    def validate_repos(self, _: Field) -> None:
        _check(lambda: keys.checked_limits(self.limits, self.allow))

    def validate_kinds(self, field: Field) -> None:
        if self.sends.data == SOME and not field.data:
            raise ValidationError("Choose at least one kind.")

    def validate_sends(self, field: Field) -> None:
        if field.data == NONE and not (self.reads.data or self.deletes.data or self.corrects.data):
            raise ValidationError("Choose at least one permission.")


class _ForDays(_Expiring):
    """A last day that must be chosen, and is not far away."""

    expires = DateField("Expires", [InputRequired("Choose a day.")])
    longest_days = 0

    def validate_expires(self, field: Field) -> None:
        super().validate_expires(field)
        if self.expires_at is not None and self.expires_at > self.now + timedelta(days=self.longest_days + 1):
            raise ValidationError(f"Choose a day within {self.longest_days} days.")


class NewToken(_ForDays):
    """Name and expiry of a new read token."""

    longest_days = LONGEST_TOKEN_DAYS


class NewScreen(_ForDays):
    """Name and expiry of a new link for a screen."""

    longest_days = LONGEST_DAYS


def _listed(field: Field) -> list[str]:
    """Return the names in a text, which has commas between them."""
    return [name for name in map(str.strip, (field.data or "").split(",")) if name]


def _end_of(day: date, zone: tzinfo | None) -> datetime:
    """Return the end of a day in a time zone."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    return start + min(timedelta(days=1), datetime.max.replace(tzinfo=zone) - start)
