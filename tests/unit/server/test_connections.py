"""Too many connections: which one is evicted, and which one never is."""

from gitdailies_server.http.connection import Connection as Served
from gitdailies_server.http.connection_limits import ConnectionLimits


class Connection(Served):
    """A connection that remembers whether it was evicted."""

    def __init__(self) -> None:
        self.evicted = False

    def evict(self) -> None:
        self.evicted = True


def admitted(limits: ConnectionLimits, count: int) -> list[Connection]:
    connections = [Connection() for _ in range(count)]
    assert [limits.admit(connection) for connection in connections] == [True] * count
    return connections


def test_the_longest_idle_connection_is_evicted() -> None:
    """At the limit, a new connection replaces the one whose sender has been silent longest."""
    limits = ConnectionLimits(3)
    first, second, third = admitted(limits, 3)
    limits.sender_turn(first, authenticated=False)

    admitted(limits, 1)

    assert [connection.evicted for connection in (first, second, third)] == [False, True, False]
    assert len(limits) == 3


def test_unauthenticated_connections_are_evicted_first() -> None:
    """An idle authenticated connection stays while an unauthenticated sender has something to send."""
    limits = ConnectionLimits(3)
    connections = admitted(limits, 3)
    limits.sender_turn(connections[0], authenticated=True)

    newcomers = admitted(limits, 5)

    assert not connections[0].evicted
    assert [connection.evicted for connection in newcomers] == [True, True, True, False, False]


def test_authenticated_connections_are_evicted_last() -> None:
    """If all connections are authenticated and idle, the one idle longest is evicted."""
    limits = ConnectionLimits(2)
    first, second = admitted(limits, 2)
    limits.sender_turn(first, authenticated=True)
    limits.sender_turn(second, authenticated=True)

    admitted(limits, 1)

    assert (first.evicted, second.evicted) == (True, False)


def test_a_connection_that_waits_for_its_answer_stays() -> None:
    """It is never evicted: up to twice the limit is accepted, and then no connection is."""
    limits = ConnectionLimits(2)
    connections = []
    for _ in range(4):
        connections += admitted(limits, 1)
        limits.server_turn(connections[-1])

    assert limits.admit(Connection()) is False
    assert not any(connection.evicted for connection in connections)
    limits.remove(connections[0])
    assert limits.admit(Connection()) is True


def test_connections_over_the_limit_are_evicted_once_answered() -> None:
    """After the answers, the connections idle longest are evicted until the limit is met."""
    limits = ConnectionLimits(2)
    connections = []
    for _ in range(4):
        connections += admitted(limits, 1)
        limits.server_turn(connections[-1])
    for connection in connections:
        limits.sender_turn(connection, authenticated=False)

    assert [connection.evicted for connection in connections] == [True, True, False, False]
    assert len(limits) == 2


def test_a_closed_connection_takes_no_place() -> None:
    """A turn noted after a connection was removed has no effect."""
    limits = ConnectionLimits(1)
    (connection,) = admitted(limits, 1)
    limits.remove(connection)
    limits.sender_turn(connection, authenticated=True)

    admitted(limits, 1)

    assert not connection.evicted


def test_few_connections_may_pipeline() -> None:
    """The number of connections that pipeline is bounded; one that stops makes room for another."""
    limits = ConnectionLimits(10, most_pipelining=2)
    first, second, third = admitted(limits, 3)

    allowed = [limits.may_pipeline(connection) for connection in (first, second, first, third)]
    assert allowed == [True] * 3 + [False]
    limits.stop_pipelining(first)
    assert limits.may_pipeline(third)
