"""The plan: takes any number of events in any order, and gives each once in the order to send.

It is an SQLite file that lasts for one run. SQLite sorts on disk with a bounded cache, so memory does not
limit the number of events. `pairing` decides which events belong together.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import content_id

from gitdailies_history.plan import pairing
from gitdailies_history.plan.encoding import Entry, encode, with_id
from gitdailies_history.plan.faults import Fault
from gitdailies_history.sqlite_file import SqliteFile

_CACHE_KIB = 32 * 1024
# Only an event of an incident has it.
_INCIDENT = "incidentId"

_SCHEMA = f"""
PRAGMA journal_mode=OFF;
PRAGMA synchronous=OFF;
PRAGMA locking_mode=EXCLUSIVE;
PRAGMA temp_store=FILE;
PRAGMA cache_size=-{_CACHE_KIB};
CREATE TABLE incident_events (n INTEGER PRIMARY KEY, file TEXT, line INT, incident TEXT, subject TEXT,
  kind TEXT, at TEXT, environment TEXT, service TEXT, id TEXT, body TEXT);
CREATE TABLE unpaired (n INTEGER PRIMARY KEY);
CREATE TABLE events (n INTEGER PRIMARY KEY, file TEXT, line INT, stage INT, kind TEXT, at TEXT, id TEXT,
  body TEXT);
CREATE TABLE bad (file TEXT, line INT, PRIMARY KEY (file, line)) WITHOUT ROWID;
CREATE TABLE repeated (n INTEGER PRIMARY KEY);
"""
_INCIDENT_EVENT = (
    "INSERT INTO incident_events (file, line, incident, subject, kind, at, environment, service, id, body)"
    " VALUES (?,?,?,?,?,?,?,?,?,?)"
)
_EVENT = "INSERT INTO events (file, line, stage, kind, at, id, body) VALUES (?,?,?,?,?,?,?)"
# With equal times a start comes before an end, so the same file always gives the same order.
_BY_INCIDENT = (
    "SELECT n, file, line, incident, kind, at, environment, service, id, body FROM incident_events"
    " ORDER BY incident, at, kind DESC, id, n"
)
_CHOSEN = (
    " FROM events WHERE n NOT IN (SELECT n FROM repeated)"
    " AND NOT EXISTS (SELECT 1 FROM bad WHERE bad.file = events.file AND bad.line = events.line)"
)
_IN_ORDER = f"SELECT id, kind, at, body{_CHOSEN} ORDER BY stage, at, CASE stage WHEN 0 THEN id ELSE '' END, n"
_TWICE = (
    "SELECT id, n, file, line, body FROM events WHERE id IN"
    " (SELECT id FROM events GROUP BY id HAVING count(*) > 1) ORDER BY id, file, line, n"
)
# Ends without a start, except those with a start under another source, or under none: the receiver pairs
# them, because it looks at incident and repository alone.
_UNPAIRED = """
FROM unpaired JOIN incident_events e USING (n) WHERE NOT EXISTS (
 SELECT 1 FROM incident_events s
 WHERE s.subject = e.subject AND s.incident <> e.incident AND s.kind = 'incidentStarted' AND s.at <= e.at
 AND (s.environment IS NULL OR e.environment IS NULL OR s.environment = e.environment)
 AND (s.service IS NULL OR e.service IS NULL OR s.service = e.service)
)
"""
_COUNT_UNPAIRED = f"SELECT count(*) {_UNPAIRED}"
_SOME_UNPAIRED = f"SELECT e.subject {_UNPAIRED} GROUP BY e.subject ORDER BY min(e.at), e.subject LIMIT ?"
# Incidents whose last event is a start, whatever its source.
_UNENDED = """
SELECT subject FROM incident_events GROUP BY subject
HAVING max(CASE kind WHEN 'incidentStarted' THEN at END)
 > coalesce(max(CASE kind WHEN 'incidentStarted' THEN NULL ELSE at END), '') ORDER BY min(at), subject
"""
MOST_NAMED = 5
_SEPARATOR = "\x1f"  # no text on one line holds it


class Plan(SqliteFile):
    """Add events, call `settle`, then read `entries`. The end of the `with` block removes the file."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        super().__init__(path, _SCHEMA)
        self._rows("BEGIN")
        self.unpaired = 0
        # Some of the incidents that these ends are of, the first ones by time.
        self.unpaired_incidents: list[str] = []
        # The incidents that have no end, the first ones by time.
        self.unended: list[str] = []
        self.repeated = 0

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        self._path.unlink(missing_ok=True)

    def add(self, event: Event, *, file: str = "", line: int = 0) -> None:
        """Add an event that has a time. *file* and *line* are its origin, for faults.

        An event without an id gets one from its source and occurrence, or else from its content.
        """
        values, id_, body = encode(event)
        get = values.get
        time = get("time")
        if time is None:
            raise InvalidEvent("time: expected one, because the event is past, got nothing", "time")
        # Without the Z, a time with a fraction sorts after one without.
        at = time[:-1]
        kind = values["kind"]
        if _INCIDENT not in values:
            self._rows(_EVENT, (file, line, 0, kind, at, id_, body))
        else:
            subject = _SEPARATOR.join((values[_INCIDENT], values["repo"]))
            incident = _SEPARATOR.join((get("source") or "", subject))
            where = (get("environment"), get("service"))
            self._rows(_INCIDENT_EVENT, (file, line, incident, subject, kind, at, *where, id_, body))

    def exclude(self, file: str, line: int) -> None:
        """Leave out all events of a row."""
        self._rows("INSERT OR IGNORE INTO bad VALUES (?, ?)", (file, line))

    def settle(self) -> Iterator[Fault]:
        """Name and order the added events. Yields the faults that only several rows together show.

        Faulty rows and repeats of an event are left out.
        """
        with self._storage_errors():
            yield from self._pair()
            self._db.execute("CREATE INDEX events_id ON events (id)")
            yield from self._repeats()

    def count(self) -> int:
        """Return the number of events to send."""
        return int(self._rows(f"SELECT count(*){_CHOSEN}")[0][0])

    def entries(self) -> Iterator[Entry]:
        """Yield the events in the order that GitDailies asks for: deploys, then incidents, each by time.

        Deploys of one instant are sorted by id; the last one counts as the latest. Events of one incident
        keep the order of `pairing`, a start before its end.
        """
        with self._storage_errors():
            for id_, kind, at, body in self._db.execute(_IN_ORDER):
                yield Entry(id_, kind, at + "Z", body)

    def is_faulty(self, file: str, line: int) -> bool:
        """Whether a row was left out because it is faulty."""
        return bool(self._rows("SELECT 1 FROM bad WHERE file = ? AND line = ?", (file, line)))

    def _pair(self) -> Iterator[Fault]:
        unpaired: list[int] = []
        cursor = self._db.execute(_BY_INCIDENT)
        for incident, rows in groupby(cursor, key=itemgetter(3)):
            source, name, repo = incident.split(_SEPARATOR)
            waiting = {row[0]: row for row in rows}
            events = [
                pairing.IncidentEvent(n, kind, at + "Z", environment, service)
                for n, _, _, _, kind, at, environment, service, _, _ in waiting.values()
            ]
            first: dict[tuple[str, ...], str | None] = {}
            for found in pairing.pair(events, unpaired):
                if isinstance(found, pairing.EarlyEnd):
                    yield self._early_end(found, name)
                    continue
                _, file, line, _, kind, at, _, _, id_, body = waiting[found.event.number]
                if not id_:
                    id_ = (
                        pairing.name(found, first, source=source, incident=name, repo=repo)
                        if found.occurrence
                        else content_id(Event.from_wire(json.loads(body)).digest())
                    )
                    body = with_id(body, id_)
                self._rows(_EVENT, (file, line, 1, kind, at, id_, body))
            self._db.executemany("INSERT INTO unpaired VALUES (?)", [(n,) for n in unpaired])
            unpaired.clear()
        if self._rows("SELECT 1 FROM unpaired LIMIT 1"):
            self._count_unpaired()
        without_end = self._db.execute(_UNENDED)
        self.unended = [subject.partition(_SEPARATOR)[0] for (subject,) in without_end]

    def _count_unpaired(self) -> None:
        self._db.execute("CREATE INDEX subjects ON incident_events (subject)")
        (self.unpaired,) = self._db.execute(_COUNT_UNPAIRED).fetchone()
        found = self._db.execute(_SOME_UNPAIRED, (MOST_NAMED,)).fetchall()
        self.unpaired_incidents = [subject.partition(_SEPARATOR)[0] for (subject,) in found]

    def _early_end(self, early: pairing.EarlyEnd, incident: str) -> Fault:
        (file, line), (_, start_line) = (
            self._db.execute("SELECT file, line FROM incident_events WHERE n = ?", (one.number,)).fetchone()
            for one in (early.end, early.start)
        )
        self.exclude(file, line)
        text = (
            f"expected the end of {incident!a} no earlier than its start of {early.start.at}"
            f" on line {start_line}, got {early.end.at}"
        )
        return Fault(file, line, "time", text)

    def _repeats(self) -> Iterator[Fault]:
        for id_, rows in groupby(self._db.execute(_TWICE), key=itemgetter(0)):
            digest = where = ""
            for _, n, file, line, body in rows:
                content = Event.from_wire(json.loads(body)).digest()
                if not digest:
                    digest, where = content, f"{file}:{line}"
                elif content == digest:
                    self._db.execute("INSERT INTO repeated VALUES (?)", (n,))
                    self.repeated += 1
                else:
                    self.exclude(file, line)
                    yield Fault(file, line, "id", f"expected what {where} has under {id_}, got other content")
