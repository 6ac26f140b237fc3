"""Adapters are found by entry point, ours and a stranger's alike."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gitdailies_core.contract import checks
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.sources import registry

from tests.support.pack_versions import identity_of

GROUP = "gitdailies.trial"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Put a distribution on the path that registers a name in the group."""

    def put(distribution: str, name: str, value: str, group: str = GROUP) -> None:
        folder = tmp_path / distribution
        info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(folder)
        registry._points.cache_clear()
        registry.adapter.cache_clear()

    yield put
    registry._points.cache_clear()
    registry.adapter.cache_clear()


def test_names_are_sorted_and_without_repeats(install: Callable[..., None]) -> None:
    """The names of all distributions are one list."""
    install("one", "zebra", "json:loads")
    install("two", "ant", "json:dumps")
    install("three", "ant", "json:loads")

    assert registry.names(GROUP) == ["ant", "zebra"]


def test_a_name_is_loaded(install: Callable[..., None]) -> None:
    """Only the object that the entry point names is imported."""
    install("one", "pretty", "pprint:pformat")
    install("two", "broken", "no_such_module_anywhere:adapter")

    assert registry.load("pretty", GROUP)([1]) == "[1]"


def test_an_unknown_name_is_refused(install: Callable[..., None]) -> None:
    """The message says the nearest name, or lists a few, or says what lists many."""
    with pytest.raises(ConfigurationError, match=r"^adapter: no adapter named 'wasp'; installed: none$"):
        registry.load("wasp", GROUP)
    install("one", "bee", "json:loads")
    install("two", "cat", "json:loads")
    with pytest.raises(ConfigurationError, match=r"^adapter: no adapter named 'wasp'; installed: bee, cat$"):
        registry.load("wasp", GROUP)
    with pytest.raises(ConfigurationError, match=r"no adapter named 'beee'; did you mean bee$"):
        registry.load("beee", GROUP)
    for number in range(9):
        install(f"more-{number}", f"x{number}", "json:loads")
    with pytest.raises(ConfigurationError, match=r"; `gitdailies sources` lists the 11 that are installed$"):
        registry.load("wasp", GROUP)


def test_two_distributions_with_one_name_are_refused(install: Callable[..., None]) -> None:
    """Both are named, even where they name the same thing, and nothing is imported."""
    install("gitdailies-ant", "ant", "json:loads")
    install("rival-ant", "ant", "no_such_module_anywhere:adapter")

    with pytest.raises(ConfigurationError) as refused:
        registry.load("ant", GROUP)
    assert str(refused.value) == (
        "adapter: 'ant' is claimed by gitdailies-ant and by rival-ant; uninstall all but one"
    )


def test_packs_of_two_distributions_with_one_name_are_refused(
    install: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both distributions are named, and another pack of either is found."""
    monkeypatch.syspath_prepend(tmp_path)
    for module, names in (("ours_of_packs", ["ant", "bee"]), ("theirs_of_packs", ["ant"])):
        provider = (
            f"class Provider:\n    names = staticmethod(lambda: {names})\n    load = staticmethod(str)\n"
        )
        (tmp_path / f"{module}.py").write_text(provider)
        install(module.replace("_", "-"), module, f"{module}:Provider", registry.PACKS)

    with pytest.raises(ConfigurationError) as refused:
        registry.adapter("ant")
    assert str(refused.value) == (
        "adapter: 'ant' is claimed by the packs of ours-of-packs and by the packs of theirs-of-packs;"
        " uninstall one of them, or give yours another name"
    )
    assert str(registry.adapter("bee")) == "bee"


def test_another_distribution_ships_packs(
    install: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder `packs` and two lines: its pack is found, keeps the contract, and ours are as before."""
    folder = tmp_path / "lantern_packs"
    shutil.copytree(ROOT / "sources/gitdailies_sources/packs/opsgenie", folder / "packs/lantern")
    document = folder / "packs/lantern/source.yaml"
    document.write_text(document.read_text().replace("name: opsgenie", "name: lantern"))
    (folder / "__init__.py").write_text("")
    lines = "from gitdailies_sources.shipped import Shipped\n\nprovider = Shipped('lantern_packs')\n"
    (folder / "packs_here.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    install("lantern-packs", "lantern", "lantern_packs.packs_here:provider", registry.PACKS)

    pack = registry.adapter("lantern")
    assert list(checks.faults(pack)) == []
    assert identity_of(pack).split()[:2] == ["lantern", "1"]
    assert {"lantern", "opsgenie"} <= set(registry.pack_names())
    overridden = registry.compile_source("lantern", override={"incident": {"service": "alert.team"}})
    assert overridden.name == "lantern"


@pytest.mark.parametrize("value", ["no_such_module_anywhere:adapter", "json:no_such_name", "antigravity_not"])
def test_a_broken_adapter_is_named_with_its_distribution(value: str, install: Callable[..., None]) -> None:
    """One that cannot be imported is a setting at fault, not a crash."""
    install("rival-ant", "ant", value)

    with pytest.raises(
        ConfigurationError, match=r"^adapter: 'ant' of rival-ant cannot be loaded: \w+Error: "
    ):
        registry.load("ant", GROUP)
