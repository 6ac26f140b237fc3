"""How many connections fit into the limit of open files."""

import resource

import pytest
from gitdailies_server.http.listener import connections_that_fit


class Limits:
    """The limits of a process, of the test's choice."""

    def __init__(self, soft: int, hard: int, *, fixed: bool = False) -> None:
        self.now, self.fixed = (soft, hard), fixed

    def get(self, _: int) -> tuple[int, int]:
        return self.now

    def put(self, _: int, limits: tuple[int, int]) -> None:
        if self.fixed:
            raise OSError("not permitted")
        assert limits[1] == self.now[1]
        self.now = limits


INFINITE = resource.RLIM_INFINITY
CASES = {
    "enough": (Limits(4096, 4096), 512, 512, 4096),
    "raised": (Limits(256, 4096), 512, 512, 768),
    "raised as far as allowed": (Limits(256, 600), 512, 344, 600),
    "without bound": (Limits(INFINITE, INFINITE), 100_000, 100_000, INFINITE),
    "raised without bound": (Limits(1024, INFINITE), 5000, 5000, 5256),
    "not permitted": (Limits(256, 4096, fixed=True), 512, 128, 256),
}


@pytest.mark.parametrize("name", CASES)
def test_room(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is raised as far as needed and allowed, with room left for files of our own."""
    limits, wanted, expected, soft = CASES[name]
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.put)

    assert connections_that_fit(wanted) == expected
    assert limits.now[0] == soft
