"""The DORA server that steps report to."""

from collections.abc import Iterator

import pytest

from tests.support.steps import DoraServer, dora


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoraServer]:
    with dora(tmp_path_factory.mktemp("dora")) as running:
        yield running
