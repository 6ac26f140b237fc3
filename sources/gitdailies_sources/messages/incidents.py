"""Changes of incidents: what each state of a pack's table becomes."""

from collections.abc import Callable, Container
from typing import NamedTuple

from gitdailies_core import Change, Service, text_of
from gitdailies_core.values import lenient_times

from gitdailies_sources.language.scope import Scope
from gitdailies_sources.language.times import Moment, received
from gitdailies_sources.messages.fields import EntryFields, first_moment, needed_text, no_time

STATES = ("started", "resolved", "updated", "reopened", "cancelled", "deleted", "merged")
_WITHOUT_RECOVERY = ("cancelled", "deleted", "merged")
# Where the time of a state may be; the first one is named where there is none.
_NEEDED_TIMES = {
    "started": ("started_at", "updated_at"),
    "resolved": ("resolved_at",),
    "reopened": ("reopened_at", "updated_at"),
}
# Fields of an entry that a change has by the same name.
_TEXTS = ("environment", "title", "severity", "url", "urgency", "priority")
Make = Callable[[Scope, str, str, str], Change]


class _Times(NamedTuple):
    at: Moment
    occurrence: Moment | None
    again: Moment | None = None


class _WhenReader:
    """Reads the times of each state, and the name of the occurrence."""

    def __init__(self, fields: EntryFields) -> None:
        self._started, self._resolved = fields.time("started_at"), fields.time("resolved_at")
        self._updated, self._reopened = fields.time("updated_at"), fields.time("reopened_at")
        self._named = fields.value_unless_false("occurrence")
        self._is_named = fields.has("occurrence")
        self._snapshot = fields.flag("snapshot")
        self._own_start = fields.time_of_start(self._started)
        self.of_state: dict[str, Callable[[Scope], _Times]] = {
            "started": self._start,
            "reopened": self._reopening,
            "resolved": self._end,
            "updated": self._update,
            **dict.fromkeys(_WITHOUT_RECOVERY, self._end_without_recovery),
        }

    def name(self, scope: Scope, began: Moment | None) -> str | None:
        """Return the occurrence's name: the start that the delivery holds, or what the pack says."""
        if not self._is_named:
            return text_of(began.at) if began else None
        text = self._named.text(scope) if self._named is not None else None
        try:
            return text_of(lenient_times.read(text, "occurrence")) if text else None
        except ValueError:
            return text

    def _began(self, scope: Scope) -> Moment | None:
        """Return the start that the delivery itself holds.

        A field that is also the time of an end is that of the message: the end of an incident does not
        name its start.
        """
        return self._in_delivery(self._own_start.read(scope))

    @staticmethod
    def _in_delivery(began: Moment | None) -> Moment | None:
        return None if began is None or began.at_receipt else began

    def _start(self, scope: Scope) -> _Times:
        began = self._started.read(scope)
        at = began or self._updated.read(scope) or no_time(scope, self._started, self._updated)
        again = self._later(self._reopened.read(scope), at)
        if again is None and self._snapshot:
            # The state again, under the first start's time: it has started again if it was over by then.
            again = self._later(self._updated.read(scope), at)
        own = began if self._own_start is self._started else self._own_start.read(scope)
        return _Times(at, self._in_delivery(own), again)

    @staticmethod
    def _later(moment: Moment | None, than: Moment) -> Moment | None:
        return moment if moment is not None and not moment.at_receipt and moment.at > than.at else None

    def _reopening(self, scope: Scope) -> _Times:
        again = first_moment(scope, self._reopened, self._updated) or no_time(
            scope, self._reopened, self._updated
        )
        return _Times(again, self._began(scope), again)

    def _end(self, scope: Scope) -> _Times:
        return _Times(self._resolved.read(scope) or no_time(scope, self._resolved), self._began(scope))

    def _update(self, scope: Scope) -> _Times:
        began = self._began(scope)
        at = (
            self._updated.read(scope)
            or began
            or received(scope)
            or no_time(scope, self._updated, self._started)
        )
        return _Times(at, began)

    def _end_without_recovery(self, scope: Scope) -> _Times:
        at = first_moment(scope, self._updated, self._resolved) or received(scope)
        return _Times(at or no_time(scope, self._updated, self._resolved), self._began(scope))


def compiled(fields: EntryFields, states: Container[str]) -> Make:
    """Compile an entry to a function of the scope, the state, the vendor's word and the message's key.

    *states* are those of its table, which need their times.
    """
    for state, names in _NEEDED_TIMES.items():
        if state in states and not any(map(fields.has, names)):
            fields.fault(names[0], "expected a path to the time, or received, got nothing")
    incident = fields.needed("incident", "a path to the incident's id")
    when = _WhenReader(fields)
    service, aliases = fields.value("service"), fields.value("service_aliases")
    shown = [(name, fields.value(name)) for name in _TEXTS if fields.has(name)]
    merged_into, resolution = fields.value("merged_into"), fields.value("resolution")
    tags, end_needs_start = fields.tags("tags"), fields.flag("end_needs_start")
    ends = fields.plain("ends", "")

    def make(scope: Scope, state: str, word: str, key: str) -> Change:
        found = when.of_state[state](scope)
        began = found.occurrence
        names = service.texts(scope)
        others = tuple(aliases.texts(scope))
        merged = state == "merged"
        return Change(
            state="resolved" if merged else state,
            word=word,
            incident=needed_text(incident, scope),
            at=found.at.at,
            at_receipt=found.at.at_receipt,
            occurrence=when.name(scope, began),
            started_at=began.at if began else None,
            again_at=found.again.at if found.again else None,
            key=key,
            services=[Service(name, others if len(names) == 1 else ()) for name in names],
            whole=ends != "service",
            ends_all=ends == "all",
            merged=merged,
            # What ends without a recovery does not bring a start with it that was never counted.
            needs_start=state in _WITHOUT_RECOVERY or (end_needs_start and state == "resolved"),
            merged_into=merged_into.text(scope) if merged else None,
            resolution=resolution.text(scope) if state == "resolved" else None,
            tags=tags(scope),
            **{name: value.text(scope) for name, value in shown},
        )

    return make
