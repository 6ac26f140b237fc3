"""Times in a delivery: what a value holds, read leniently; `received` is the last resort."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.values import lenient_times

from gitdailies_sources.language import values
from gitdailies_sources.language.faults import Faults, Mistake, Place
from gitdailies_sources.language.scope import Scope

RECEIVED = "received"
# What senders write for a time that is not set: an epoch of nothing.
_ZERO = frozenset({"0", "-1", "0.0", "-1.0", "0000-00-00 00:00:00"})
# What a format of a whole date has one of.
_YEAR = ("%Y", "%y", "%G", "%c", "%x")


class Moment(NamedTuple):
    """A time, and whether it is that of receipt because the delivery has none."""

    at: datetime
    at_receipt: bool = False


class Time(NamedTuple):
    """A compiled time. `read` returns None where there is none; it raises PayloadError for a wrong one."""

    where: str
    read: Callable[[Scope], Moment | None]


def compiled(given: Any, place: Place, faults: Faults) -> Time:
    """Compile a time. A fault is added to *faults*, and the time then is always absent."""
    try:
        return _compiled(given, place, faults)
    except Mistake as mistake:
        faults.setdefault(place, str(mistake))
        return NEVER


def _compiled(given: Any, place: Place, faults: Faults) -> Time:
    if given == RECEIVED:
        return Time("the time of receipt", received)
    if isinstance(given, Mapping) and "first_of" in given:
        parts = [
            compiled(one, (*place, "first_of", index), faults) for index, one in enumerate(given["first_of"])
        ]
        return Time(
            " or ".join(part.where for part in parts),
            lambda scope: next((found for part in parts if (found := part.read(scope))), None),
        )
    if isinstance(given, Mapping) and "when" in given:
        holds = values.any_of(given["when"], (*place, "when"), faults)
        then = compiled(given["then"], (*place, "then"), faults)
        return Time(then.where, lambda scope: then.read(scope) if holds(scope) else None)
    value = values.compiled(given, place, faults)
    if not isinstance(given, Mapping):
        return Time(value.where, _reader(value, lenient_times.read))
    return Time(
        value.where, _reader(value, _with_zone(given.get("zone"), given.get("format"), place, faults))
    )


def received(scope: Scope) -> Moment | None:
    """Return the time of receipt, None where it is not known."""
    at = scope.request.received_at
    return None if at is None else Moment(at, at_receipt=True)


def _reader(value: values.Value, convert: Callable[[Any, str], datetime]) -> Callable[[Scope], Moment | None]:
    where = value.where

    def read(scope: Scope) -> Moment | None:
        for raw in value.raws(scope):
            if raw in (0, -1) or (isinstance(raw, str) and raw.strip() in _ZERO):
                continue
            try:
                return Moment(convert(raw, where))
            except (ValueError, OverflowError) as error:
                raise PayloadError(str(error)) from None
        return None

    return read


def _with_zone(
    zone: str | None, form: str | None, place: Place, faults: Faults
) -> Callable[[Any, str], datetime]:
    """Return the reader of a named format, or of a time without a zone, in a named zone."""
    if form:
        wrong = _wrong_form(form)
        if wrong:
            faults.setdefault((*place, "format"), wrong)
        elif not zone and "%z" not in form:
            raise Mistake("expected the zone of the format, such as zone: Europe/Berlin, got none")
    if zone:
        try:
            lenient_times.zone_of(zone, "zone")
        except ValueError as error:
            faults.setdefault((*place, "zone"), str(error).removeprefix("zone: "))
    return lambda raw, where: lenient_times.read(raw, where, form=form or "", zone=zone or "")


def _wrong_form(form: str) -> str:
    """Return what is wrong with a format of `strptime`, or "". It must read what it writes."""
    expected = "expected a format like %d.%m.%Y %H:%M:%S"
    if "%" not in form:
        return f"{expected}, got {got(form)}, which has no %; a number since 1970 needs none"
    try:
        datetime.strptime(datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007
    except ValueError:
        return f"{expected}, got {got(form)}"
    return "" if any(one in form for one in _YEAR) else f"{expected}, got {got(form)}, which has no year"


NEVER = Time("nothing", lambda _scope: None)
