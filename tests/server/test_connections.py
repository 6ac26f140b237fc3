"""A full house: who gives way, and who is never made to."""

from __future__ import annotations

from gitdailies_server.http.connection_limits import ConnectionLimits


class Guest:
    """A connection that remembers whether it gave way."""

    def __init__(self) -> None:
        self.gone = False

    def give_way(self) -> None:
        self.gone = True


def entered(connections: ConnectionLimits, count: int) -> list[Guest]:
    guests = [Guest() for _ in range(count)]
    assert [connections.enter(guest) for guest in guests] == [True] * count
    return guests


def test_who_owes_longest_gives_way() -> None:
    """A newcomer to a full house takes the place of the one that has kept silent longest."""
    connections = ConnectionLimits(3)
    first, second, third = entered(connections, 3)
    connections.owes(first, known=False)

    entered(connections, 1)

    assert [guest.gone for guest in (first, second, third)] == [False, True, False]
    assert len(connections) == 3


def test_strangers_give_way_before_those_who_are_known() -> None:
    """A connection that proved itself keeps its place, idle as it is, while a stranger owes anything."""
    connections = ConnectionLimits(3)
    guests = entered(connections, 3)
    connections.owes(guests[0], known=True)

    newcomers = entered(connections, 5)

    assert not guests[0].gone
    assert [guest.gone for guest in newcomers] == [True, True, True, False, False]


def test_the_known_give_way_when_there_is_nobody_else() -> None:
    """Where all are known and idle, the one that is idle longest gives way."""
    connections = ConnectionLimits(2)
    first, second = entered(connections, 2)
    connections.owes(first, known=True)
    connections.owes(second, known=True)

    entered(connections, 1)

    assert (first.gone, second.gone) == (True, False)


def test_who_is_being_answered_stays() -> None:
    """Whoever has said all is never sent away: as many again come in, and then nobody does."""
    connections = ConnectionLimits(2)
    guests = []
    for _ in range(4):
        guests += entered(connections, 1)
        connections.owes_nothing(guests[-1])

    assert connections.enter(Guest()) is False
    assert not any(guest.gone for guest in guests)
    connections.leave(guests[0])
    assert connections.enter(Guest()) is True


def test_who_is_over_the_bound_leaves_when_all_is_answered() -> None:
    """Once answers are given, the house is brought back to its bound, those who owe longest first."""
    connections = ConnectionLimits(2)
    guests = []
    for _ in range(4):
        guests += entered(connections, 1)
        connections.owes_nothing(guests[-1])
    for guest in guests:
        connections.owes(guest, known=False)

    assert [guest.gone for guest in guests] == [True, True, False, False]
    assert len(connections) == 2


def test_whoever_left_owes_nothing() -> None:
    """A connection that ended takes no place, whatever is still said of it."""
    connections = ConnectionLimits(1)
    (guest,) = entered(connections, 1)
    connections.leave(guest)
    connections.owes(guest, known=True)

    entered(connections, 1)

    assert not guest.gone


def test_few_may_send_ahead() -> None:
    """So many connections may have requests read that wait; one that stops makes room for another."""
    connections = ConnectionLimits(10, most_ahead=2)
    first, second, third = entered(connections, 3)

    assert [connections.may_send_ahead(guest) for guest in (first, second, first, third)] == [True] * 3 + [
        False
    ]
    connections.sends_no_more_ahead(first)
    assert connections.may_send_ahead(third)
