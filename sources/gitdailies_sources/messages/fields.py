"""The fields of a message's entry, compiled by name."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError

from gitdailies_sources.language import times, values
from gitdailies_sources.language.faults import Faults, Place
from gitdailies_sources.language.nearest import hint
from gitdailies_sources.language.nothing import as_text
from gitdailies_sources.language.scope import Scope
from gitdailies_sources.language.times import Moment, Time
from gitdailies_sources.language.values import Value

MOST_TAGS = 200
# Names of environments that no field has.
_ENVIRONMENTS = ("production", "prod", "live", "staging", "qa", "development", "dev")


class EntryFields:
    """Compiles the fields of one entry: each named once, absent where the entry does not have it."""

    def __init__(self, entry: Mapping[str, Any], place: Place, faults: Faults) -> None:
        self._entry = entry
        self._place = place
        self._faults = faults

    def has(self, name: str) -> bool:
        return name in self._entry

    def value(self, name: str) -> Value:
        given = self._entry.get(name)
        # An empty service takes away the one of a pack.
        if name not in self._entry or (name == "service" and given == ""):
            return values.NOTHING
        if name == "environment":
            given = self._environment(given)
        return values.compiled(given, (*self._place, name), self._faults)

    def _environment(self, given: Any) -> Any:
        """Return the uncompiled environment. Without one, an event counts as production."""
        if isinstance(given, str) and given.strip().lower() in _ENVIRONMENTS:
            # Read as a path, it would be missing in every delivery without an error.
            self.fault("environment", f"expected a path, got a name; write {{text: {given.strip()}}}")
        if isinstance(given, Mapping) and "map" in given:
            # A word that the table lacks stays.
            return {"otherwise": values.SAME, **given}
        return given

    def values(self, name: str) -> list[Value]:
        """Compile a list of values."""
        given = enumerate(self._entry.get(name) or ())
        return [values.compiled(one, (*self._place, name, index), self._faults) for index, one in given]

    def time(self, name: str) -> Time:
        if name not in self._entry:
            return times.NEVER
        return times.compiled(self._entry[name], (*self._place, name), self._faults)

    def time_of_start(self, started: Time) -> Time:
        """Return the start of an incident that a message about its end may hold, too.

        What is also the time of an end, or first of all that of a change, is the time of the message
        itself. *started* is the compiled `started_at`, and is returned where it has none of these.
        """
        shared = _alternatives(self._entry.get("resolved_at"))
        for name in ("updated_at", "reopened_at"):
            shared += _alternatives(self._entry.get(name))[:1]
        given = _alternatives(self._entry.get("started_at"))
        own = [one for one in given if one not in shared]
        if own == given:
            return started
        # What is wrong with it was found in `started_at` itself.
        return times.compiled({"first_of": own}, (), Faults()) if own else times.NEVER

    def needed(self, name: str, why: str) -> Value:
        """Compile a field that the entry must have."""
        if name not in self._entry:
            self._faults.setdefault((*self._place, name), f"expected {why}, got nothing")
        return self.value(name)

    def given(self, name: str) -> tuple[Any, Place, Faults]:
        """Return the uncompiled field, its place and where to put faults."""
        return self._entry[name], (*self._place, name), self._faults

    def fault(self, name: str, text: str) -> None:
        self._faults.setdefault((*self._place, name), text)

    def flag(self, name: str) -> bool:
        return self._entry.get(name) is True

    def value_or_flag(self, name: str) -> Value:
        """Compile a field that may be true or false itself."""
        given = self._entry.get(name)
        if isinstance(given, bool):
            return values.compiled({"text": given}, (*self._place, name), self._faults)
        return self.value(name)

    def value_unless_false(self, name: str) -> Value | None:
        """Compile a field; None where the entry does not have it, or says false."""
        return self.value(name) if self._entry.get(name) not in (None, False) else None

    def plain(self, name: str, default: str) -> str:
        return str(self._entry.get(name, default))

    def tags(self, name: str) -> Callable[[Scope], dict[str, list[str]]]:
        """Compile tags: values by name, or a path to an object of texts or to a list of `name:value`."""
        given = self._entry.get(name)
        if given is None:
            return lambda _scope: {}
        if isinstance(given, str) or "first_of" in given:
            return _tags_at(self.value(name))
        by_name = {
            key: values.compiled(value, (*self._place, name, key), self._faults)
            for key, value in given.items()
        }
        return lambda scope: {key: texts for key, value in by_name.items() if (texts := value.texts(scope))}


def _alternatives(given: Any) -> list[Any]:
    """Return the alternatives of an uncompiled value, those inside others too."""
    if isinstance(given, Mapping) and "first_of" in given:
        return [inner for one in given["first_of"] for inner in _alternatives(one)]
    return [] if given is None else [given]


def _tags_at(value: Value) -> Callable[[Scope], dict[str, list[str]]]:
    def read(scope: Scope) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for raw in value.raws(scope)[:MOST_TAGS]:
            pairs = raw.items() if isinstance(raw, dict) else map(_pair, (as_text(raw) or "").split(","))
            for key, inner in list(pairs)[:MOST_TAGS]:
                # Some tools write `{"value": "prod", "color": "#0f61dd"}`.
                text = as_text(inner.get("value") if isinstance(inner, dict) else inner)
                if key and text is not None and text not in found.setdefault(key, []):
                    found[key].append(text)
        return {key: texts for key, texts in found.items() if texts}

    return read


def _pair(tag: str) -> tuple[str, str]:
    """Split `name:value`. A tag without a value is its own."""
    key, colon, value = tag.strip().partition(":")
    return key, value if colon else key


def needed_text(value: Value, scope: Scope) -> str:
    """Return the text; raises PayloadError that names the path and what was found there."""
    text = value.text(scope)
    if text is None:
        missing(value, scope, "text")
    return text


def missing(value: Value, scope: Scope, expected: str) -> NoReturn:
    raw = value.raw(scope)
    found = f"nothing{hint(value.where, scope)}" if raw is None else got(raw)
    raise PayloadError(f"{value.where}: expected {expected}, got {found}")


def first_moment(scope: Scope, *times: Time) -> Moment | None:
    """Return the first time that was found."""
    for time in times:
        moment = time.read(scope)
        if moment is not None:
            return moment
    return None


def no_time(scope: Scope, *times: Time) -> NoReturn:
    where = " or ".join(dict.fromkeys(time.where for time in times if time.where != "nothing"))
    raise PayloadError(f"{where or 'time'}: expected a time, got nothing{hint(where, scope)}")
