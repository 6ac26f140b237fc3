"""The versions of the shipped packs, and what each of them decides: one line a pack, its identity.

    python -m tests.support.pack_versions        write the line of each pack that has a new version

`tests/contract/packs/test_versions.py` compares them.
"""

from pathlib import Path

from gitdailies_core.sources.registry import Adapter
from gitdailies_sources import shipped, source_pack

FILE = Path(__file__).resolve().parents[1] / "contract/packs/versions.txt"


def identity_of(pack: Adapter | None) -> str:
    """Return what is stored with each delivery that a pack reads."""
    assert isinstance(pack, source_pack.SourcePack)
    return pack.identity


def current() -> dict[str, str]:
    """Return the identity of each shipped pack, by its name."""
    return {
        name: source_pack.identity(name, shipped.document(name).value) for name in shipped.provider.names()
    }


def known() -> dict[str, str]:
    """Return the identities that the file has."""
    lines = FILE.read_text("utf-8").splitlines() if FILE.is_file() else []
    return {line.partition(" ")[0]: line for line in lines}


def unraised(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return what each pack must change that decides otherwise under a version that was there before."""

    def version(identity: str) -> int:
        return int(identity.split()[1])

    return [
        f"packs/{name}/source.yaml: it decides otherwise than version {version(before[name])} did;"
        f" write version: {version(before[name]) + 1}"
        for name in before.keys() & now.keys()
        if before[name].split()[2] != now[name].split()[2] and version(now[name]) <= version(before[name])
    ]


if __name__ == "__main__":
    if faults := unraised(known(), current()):
        raise SystemExit("\n".join(faults))
    FILE.write_text("".join(f"{line}\n" for line in current().values()), "utf-8")
