"""A company with a true history, reported in every ordinary way: each figure is compared with the truth.

`-m long -s` prints the worst case of each figure.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import requests
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us

from tests.end_to_end.company import truth
from tests.end_to_end.company.comparison import SETTINGS, US, compare
from tests.end_to_end.company.reporting import WAYS, is_possible, reported
from tests.end_to_end.company.truth import PROFILES, Repository
from tests.support.dora.running import in_thread
from tests.support.empty_stores import DORA
from tests.support.figures.asking import alike

MOST_SHOWN = 6
# Each repository once, and each kind of way.
SHORT = (
    ("shop", "whole step"),
    ("harbor", "step with paths"),
    ("ledger", "Argo CD beside the webhook"),
    ("freight", "from CSV to webhook to step"),
    ("courier", "shallow step"),
    ("atlas", "step, then webhook"),
    ("pantry", "CSV and a mirror"),
    ("garden", "from curl to webhook and step"),
    ("tally", "webhook, then the step of a later job"),
    ("beacon", "from a shallow to a whole step"),
    ("orbit", "webhook and pushes"),
    ("meadow", "from lists to none to lists"),
    ("quay", "webhook and pushes"),
    ("depot", "webhook, then its pushes"),
)
COMBINATIONS = [(name, way) for name in PROFILES for way in WAYS if is_possible(way, PROFILES[name])]


_made = cache(truth.make)
# By figure: how far off it is at most, and in which combination.
_worst: dict[str, tuple[float, str]] = {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("company")
    print()
    for figure, (off, where) in sorted(_worst.items()):
        print(f"{figure:40} {100 * off:6.2f} % off  {where}")


@pytest.fixture
def repository(name: str, folder: Path, request: pytest.FixtureRequest) -> Repository:
    """Three months of it, in the short form nine weeks: it may have another name from the seventh on."""
    return _made(name, folder, truth.DAYS if request.node.get_closest_marker("long") else 63)


@pytest.mark.parametrize(
    ("name", "way", "really"),
    [
        *(pytest.param(*one, 1, id=f"short-{one[0]}-{one[1]}") for one in SHORT),
        *(pytest.param(*one, 2, id=f"{one[0]}-{one[1]}", marks=pytest.mark.long) for one in COMBINATIONS),
    ],
)
def test_a_way_of_reporting_tells_the_truth(
    repository: Repository, name: str, way: str, really: int, folder: Path
) -> None:
    """Deploys, lead times, incidents, failures and remedies are true, or unknown for a true reason."""
    found = compare(repository, reported(repository, way, folder, really=really))
    for figure, off in found.off.items():
        _worst[figure] = max(_worst.get(figure, (0.0, "")), (off, f"{name}, {way}"))
    shown = "\n".join(map(str, found.differences[:MOST_SHOWN]))
    assert not found.differences, f"{name}, reported by {way}: {len(found.differences)} differences\n{shown}"


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("tally", "webhook, then the step of a later job"),
        pytest.param("orbit", "from CSV to webhook to step", marks=pytest.mark.long),
        pytest.param("harbor", "step with paths, then webhook", marks=pytest.mark.long),
    ],
)
def test_a_server_has_the_same_figures(
    repository: Repository, way: str, folder: Path, tmp_path: Path
) -> None:
    """A DORA server that takes these events one by one answers with the figures of the pure functions."""
    told = reported(repository, way, folder)
    expected = compare(repository, told).figures
    store = tmp_path / "dora.db"
    DORA.put(store)
    with in_thread(store, settings=SETTINGS) as server, requests.Session() as session:
        session.headers["webhook-key"] = server.key("sender")
        for event in told.events:
            answer = session.post(f"{server.url}/webhooks", json=event, timeout=30)
            assert answer.status_code == 202, answer.text
        since, until = (text_of(from_us(at * US)) for at in (truth.BEGAN - truth.DAY, truth.ENDED))
        asked = {"repo": repository.profile.repo, "from": since, "now": until}
        answer = server.get(server.key("reader", "read"), "/api/metrics", **asked)
    alike(answer.json()["figures"], dict(expected))


def test_there_are_many_combinations() -> None:
    """At least twelve repositories and 120 combinations are compared; the short form has some of each."""
    assert len(PROFILES) >= 12
    assert len(COMBINATIONS) >= 120
    assert len(set(SHORT) & set(COMBINATIONS)) == len(SHORT)
