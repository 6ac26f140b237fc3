"""Writers of relays on one PostgreSQL, each in a thread, whose statements run in an order that a test gives.

A writer stops at a gate before each step. The stage lets one writer take a step, and waits until every writer
has come to its gate, has ended, or waits for a lock of another one. So a run can be repeated.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple

from gitdailies_core.values.secret import Secret
from gitdailies_relay.accepting.acceptance import Accepted
from gitdailies_relay.store.store import Item, RelayStore
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.postgresql import PostgresqlDatabase, PostgresqlSession
from gitdailies_server.storage.write_scope import EVERYTHING, Scope

_GATE, _RUNNING, _ENDED = "at its gate", "running", "ended"
_MOST_STEPS = 100
_BLOCKED = "SELECT pid FROM pg_locks WHERE NOT granted"
_SECONDS = 0.003
# Nothing is cut off here, and a run in twenty needs no disk.
_NO_DISK = ("SET LOCAL synchronous_commit = off",)
_TABLES = (
    *("attempts", "outbox", "waiting_deploys", "events", "deliveries", "quarantine", "ignored"),
    *("occurrences", "outcome_counts", "source_days", "pushed_commits", "deployed_commits"),
)
# What a run left, without the numbers that PostgreSQL gave out: only their order in a partition counts.
_STATE = {
    "events": "e.id, e.source, e.incident, e.delivery, e.body, e.discarded, o.partition, o.is_next,"
    " o.attempts, o.dead_letter, o.held_until IS NULL,"
    " row_number() OVER (PARTITION BY e.source, e.incident ORDER BY e.seq)"
    " FROM events e LEFT JOIN outbox o ON o.seq = e.seq",
    "attempts": "e.id, a.status, a.verdict FROM attempts a LEFT JOIN events e ON e.seq = a.event_seq",
    "waiting": "e.id, w.sha, w.reason FROM waiting_deploys w JOIN events e ON e.seq = w.event_seq",
    "deliveries": "delivery, source, message, incident, outcome, reason, events FROM deliveries",
    "occurrences": "source, incident, repo, name, state, started_at, ended_at, merged_into FROM occurrences",
    "counts": "source, is_replay, outcome, sum(messages) FROM outcome_counts GROUP BY 1, 2, 3",
    "days": "source, day, sum(deliveries), min(first_at), max(last_at) FROM source_days GROUP BY 1, 2",
    "pushed": "repo, sha, branch, parent FROM pushed_commits",
    "deployed": "repo, environment, service, deployed_at, sha FROM deployed_commits",
}

State = tuple[Any, ...]


class Later(NamedTuple):
    """An item that is made from what is stored before the writers begin."""

    make: Callable[[Session], Item]


class SteppedSession(PostgresqlSession):
    """A session that stops at its writer's gate before each part of a trip."""

    def __init__(self, connection: Any, settings: str, gate: Gate) -> None:
        super().__init__(connection, settings)
        self._gate = gate

    def query_together(self, *queries: Any) -> list[list[tuple[Any, ...]]]:
        if not self._gate.every_statement:
            return super().query_together(*queries)
        return [super(SteppedSession, self).query_together(query)[0] for query in queries]

    def _send(self, *queries: Any) -> Any:
        if not self._in_transaction:
            return super()._send(*queries)
        self._pending += queries
        *first, last = self._parts()
        for part in first:
            self._pending = part
            self._gate.step()
            super()._send()
        self._pending = last
        self._gate.step()
        return super()._send()

    def _parts(self) -> list[list[Any]]:
        """Cut the statements into parts: the beginning with its locks, reads and writes, the commit."""
        parts: list[list[Any]] = []
        for query in self._pending:
            part = parts[-1] if parts else []
            begins = bool(part) and part[0][0].startswith("BEGIN")
            if begins:
                together = "advisory" in query[0] and (len(part) == 1 or not self._gate.every_statement)
            else:
                together = bool(part) and query[0] != "COMMIT" and not self._gate.every_statement
            if together:
                part.append(query)
            else:
                parts.append([query])
        return parts


class SteppedDatabase(PostgresqlDatabase):
    """A relay's database. Without *locks* its transactions do not exclude others."""

    def __init__(self, url: str, gate: Gate, *, locks: bool) -> None:
        super().__init__(Secret(url, "postgresql://of-a-test"), "gitdailies_relay", _NO_DISK)
        self._gate = gate
        self._with_locks = locks

    def connect(self, *, read_only: bool = False, for_intake: bool = False) -> PostgresqlSession:
        connection = super().connect(read_only=read_only, for_intake=for_intake).connection
        self._gate.process = connection.info.backend_pid
        return SteppedSession(connection, self._settings, self._gate)

    def begin(self, session: Any, scope: Scope = EVERYTHING) -> None:
        if self._with_locks:
            super().begin(session, scope)
        else:
            session.begin(EVERYTHING)


class Gate:
    """Where one writer stops: *every_statement* is a step, or each part of a trip."""

    def __init__(self, changed: threading.Condition, *, every_statement: bool) -> None:
        self.every_statement = every_statement
        self.process = 0
        self.state = _ENDED
        self._changed = changed
        self._open = False
        self.steps = 0

    def step(self) -> None:
        """Wait until the stage opens the gate."""
        with self._changed:
            self._set(_GATE)
            assert self._changed.wait_for(lambda: self._open, 60)
            self._open = False
            self.steps += 1

    def open(self) -> None:
        """Let the writer take a step. The caller has the condition."""
        self._open = True
        self._set(_RUNNING)

    def begin(self) -> None:
        with self._changed:
            self.steps = 0
            self._set(_RUNNING)

    def end(self) -> None:
        with self._changed:
            self._set(_ENDED)

    def _set(self, state: str) -> None:
        self.state = state
        self._changed.notify_all()


class Stage:
    """As many writers as there are lists of *items*, of relays of their own; *before* is written first."""

    def __init__(
        self,
        url: str,
        before: Sequence[Item],
        items: Sequence[Sequence[Item | Later]],
        *,
        locks: bool = True,
        every_statement: bool = False,
    ) -> None:
        self._changed = threading.Condition()
        self._before = before
        self._items = items
        self._gates = [Gate(self._changed, every_statement=every_statement) for _ in items]
        self._stores = [RelayStore(SteppedDatabase(url, gate, locks=locks)) for gate in self._gates]
        self._plain = PostgresqlDatabase(Secret(url, "postgresql://of-a-test"), "gitdailies_relay", _NO_DISK)
        self._first = RelayStore(self._plain)
        self._session = self._plain.connect()
        # The processes that wait for a lock, how often one waited, and how many steps each writer took alone.
        self._blocked: set[int] = set()
        self.waits = 0
        self.steps = [0] * len(items)

    def close(self) -> None:
        for store in (self._first, *self._stores):
            store.writer._drop()
        self._session.close()

    def serial(self) -> set[State]:
        """Return what the writers may leave: what they do one after another, in any order."""
        allowed = set()
        for order in permutations(range(len(self._items))):
            allowed.add(self.run([number for number in order for _ in range(_MOST_STEPS)]))
            self.steps = [max(most, gate.steps) for most, gate in zip(self.steps, self._gates, strict=True)]
        return allowed

    def orders(self, most: int, seed: int) -> list[list[int]]:
        """Return every order of as many steps as the writers took, or *most* orders if there are more.

        The first ones show most faults: one writer stops once, and every other one runs to its end before it
        goes on. Of too many of them there is each second one, or each third. The rest are drawn by chance.
        """
        steps = [number for number, count in enumerate(self.steps) for _ in range(count)]
        every = math.factorial(len(steps)) // math.prod(map(math.factorial, self.steps))
        if every <= most:
            return list(_orders(self.steps))
        chance = random.Random(seed)
        orders = []
        for number, count in enumerate(self.steps):
            others = [one for one in steps if one != number]
            orders += [[number] * at + others + [number] * (count - at) for at in range(1, count)]
        orders = orders[:: -(-len(orders) // most)]
        return orders + [chance.sample(steps, len(steps)) for _ in range(most - len(orders))]

    def run(self, order: Sequence[int]) -> State:
        """Let the writers take their steps in *order*, then to their ends; return results and rows."""
        self._plain.begin(self._session)
        for table in _TABLES:
            self._session.executemany(f"DELETE FROM {table}", [()])
        self._plain.commit(self._session)
        if self._before:
            self._first.writer._write(self._before)
        items = [
            [one.make(self._session) if isinstance(one, Later) else one for one in of] for of in self._items
        ]
        results: list[Any] = [None] * len(items)

        def write(number: int) -> None:
            try:
                results[number] = self._stores[number].writer._write(items[number])
            finally:
                self._gates[number].end()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(len(self._items))]
        for gate, thread in zip(self._gates, threads, strict=True):
            gate.begin()
            thread.start()
        self._settle()
        for number in order:
            self._step(number)
        while not all(gate.state == _ENDED for gate in self._gates):
            for number in range(len(self._gates)):
                self._step(number)
        for thread in threads:
            thread.join()
        return (tuple(_shown(of) for of in results), *self._state())

    def _step(self, number: int) -> None:
        with self._changed:
            if self._gates[number].state == _GATE:
                self._gates[number].open()
        self._settle()

    def _settle(self) -> None:
        """Wait until no writer runs but those that wait for a lock."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._running() <= self._blocked, _SECONDS)
                if not self._running():
                    return
            # Another one's end may have let those that waited go on.
            self._blocked = {process for (process,) in self._session.execute(_BLOCKED).fetchall()}
            with self._changed:
                running = self._running()
                if running <= self._blocked:
                    self.waits += bool(running)
                    return

    def _running(self) -> set[int]:
        return {gate.process for gate in self._gates if gate.state == _RUNNING}

    def _state(self) -> Iterator[Any]:
        for rows in self._session.query_together(*((f"SELECT {columns}", ()) for columns in _STATE.values())):
            yield tuple(sorted(map(repr, rows)))


def _shown(results: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        (one.outcomes, one.events) if isinstance(one, Accepted) else type(one).__name__ for one in results
    )


def _orders(steps: Sequence[int]) -> Iterator[list[int]]:
    """Yield every different order of steps, given how many each writer takes."""
    if not any(steps):
        yield []
    for number, count in enumerate(steps):
        if count:
            for rest in _orders([*steps[:number], count - 1, *steps[number + 1 :]]):
                yield [number, *rest]
