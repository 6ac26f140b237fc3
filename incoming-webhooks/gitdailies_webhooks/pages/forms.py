"""Forms, each field checked by the same functions that commands and the interface use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

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

from gitdailies_webhooks.accounts import keys, people

EVERY, SOME, NONE = "every", "some", "none"

# What stands beside a choice.
ROLE_WORDS = {
    people.VIEWER: "Viewer: sees figures and events",
    people.OWNER: "Owner: also keys, people, the audit trail",
}
SENDS_WORDS = {EVERY: "Every kind of event", SOME: "Only these", NONE: "Nothing"}
KIND_WORDS = {kind.word: kind.title for kind in KINDS}


def _words(choices: Mapping[str, str]) -> Any:
    """Return choices as words alone: WTForms is leaving the form that its types still ask for."""
    return list(choices)


def _without_place(check: Callable[[], object]) -> None:
    """Run a check of ours; what it complains of stands beside the field, so without its name."""
    try:
        check()
    except UsageError as error:
        raise ValidationError(str(error).partition(": ")[2]) from None


class SignIn(Form):
    """Name and password."""

    name = StringField("Name", [InputRequired("expected a name, got nothing")])
    password = PasswordField("Password", [InputRequired("expected a password, got nothing")])
    next = HiddenField()


class NewPassword(Form):
    """A password that is chosen, twice, since nobody sees it."""

    password = PasswordField("Password", [InputRequired("expected a password, got nothing")])
    again = PasswordField("Password, once more")

    # The name that a password must not be.
    of = ""

    def validate_password(self, field: Field) -> None:
        _without_place(lambda: people.checked_password(field.data or "", self.of))

    def validate_again(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError("expected the same password again, got another")


class Join(NewPassword):
    """Who follows a one-time link."""

    name = StringField("Name", [InputRequired("expected a name, got nothing")])

    def validate_name(self, field: Field) -> None:
        _without_place(lambda: people.checked_name(field.data or ""))
        self.of = field.data or ""


class ChangePassword(NewPassword):
    """A new password, by whoever knows the old one."""

    current = PasswordField("Your password now", [InputRequired("expected your password, got nothing")])


class Invite(Form):
    """For whom a one-time link is."""

    role = RadioField("Role", choices=_words(ROLE_WORDS), default=people.VIEWER)
    words: ClassVar = ROLE_WORDS


class NewKey(Form):
    """What a key is to be."""

    name = StringField("Name", [InputRequired("expected a name, got nothing")])
    sends = RadioField("May send", choices=_words(SENDS_WORDS), default=EVERY)
    kinds = SelectMultipleField("Kinds", choices=_words(KIND_WORDS))
    reads = BooleanField("May read events")
    deletes = BooleanField("May delete events")
    expires = DateField("Expires", [Optional()])

    words: ClassVar = {**SENDS_WORDS, **KIND_WORDS}
    now: datetime = datetime.max.replace(tzinfo=UTC)

    @property
    def allow(self) -> frozenset[str]:
        """The rights that were chosen, in the words of `keys`."""
        sends = {EVERY: [keys.SEND], SOME: self.kinds.data or [], NONE: []}[self.sends.data or EVERY]
        more = [(keys.READ, self.reads.data), (keys.DELETE, self.deletes.data)]
        return frozenset([*sends, *(word for word, chosen in more if chosen)])

    @property
    def expires_at(self) -> datetime | None:
        """The moment it ends: that at which the chosen day does, in UTC."""
        chosen = self.expires.data
        if chosen is None:
            return None
        return datetime(chosen.year, chosen.month, chosen.day, tzinfo=UTC) + timedelta(days=1)

    def validate_name(self, field: Field) -> None:
        _without_place(lambda: keys.checked_name(field.data or ""))

    def validate_kinds(self, field: Field) -> None:
        if self.sends.data == SOME and not field.data:
            raise ValidationError("expected at least one kind, got none")

    def validate_sends(self, field: Field) -> None:
        if field.data == NONE and not (self.reads.data or self.deletes.data):
            raise ValidationError("expected a key that may do something, got one that may do nothing")

    def validate_expires(self, _: Field) -> None:
        if self.expires_at is not None and self.expires_at <= self.now:
            raise ValidationError("expected a day to come, got one that is past")
