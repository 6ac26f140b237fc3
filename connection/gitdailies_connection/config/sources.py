"""The `services` and `sources` of gitdailies.yml: repositories of incidents, and tools that send them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError, ProofError
from gitdailies_core.events.field_types import REPO
from gitdailies_core.incidents.routing import Filter, Route, Routes
from gitdailies_core.sources.protocol import Adapter, Option
from gitdailies_core.sources.request import Request
from gitdailies_core.values.secret import Secret

from gitdailies_connection.config.errors import Place, did_you_mean
from gitdailies_connection.config.reader import SettingsReader
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.settings import Source


def routes(reading: SettingsReader) -> Routes:
    """Read `services`."""
    table: dict[str, list[Route]] = {}
    first: dict[str, str] = {}
    for name in reading.names(("services",)):
        place: Place = ("services", name)
        if first.setdefault(name.casefold(), name) != name:
            reading.fault(place, f"expected names that differ in more than case, got {got(name)} twice")
        value = reading.get(place)
        if isinstance(value, list):
            places: list[Place] = [(*place, index) for index in range(len(value))]
        else:
            places = [place]
        table[name] = [_route(reading, where) for where in places]
    return Routes.make(table)


def sources(
    reading: SettingsReader, *, load: Callable[[str], Adapter], installed: Callable[[], Sequence[str]]
) -> Mapping[str, Source]:
    """Read `sources`; *load* loads an adapter by name, and *installed* returns the names of all."""
    found = {}
    for name in reading.names(("sources",)):
        place: Place = ("sources", name)
        header = reading.of((*place, "header"), str, "")
        adapter = _adapter(reading, place, load, installed)
        if adapter is not None and reading.get((*place, "secrets")) is not None:
            _probe(reading, place, adapter, header)
        found[name] = Source(
            name=name,
            adapter=reading.of((*place, "adapter"), str, ""),
            secrets=tuple(
                secret(reading, (*place, "secrets", index))
                for index, _ in enumerate(reading.get((*place, "secrets")) or ())
            ),
            header=header,
            only=_filter(reading, (*place, "only")),
            options=_options(reading, place, adapter.options if adapter is not None else None),
        )
    return MappingProxyType(found)


def secret(reading: SettingsReader, place: Place) -> SecretSource:
    """Read `{env: NAME}` or `{file: PATH}`."""
    return reading.of(
        place,
        lambda value: SecretSource.make(
            env=value.get("env"), file=reading.folder / value["file"] if "file" in value else None
        ),
        SecretSource(None, None),
    )


def _route(reading: SettingsReader, place: Place) -> Route:
    return Route(reading.of((*place, "repo"), _repo, ""), reading.get((*place, "environment")))


def _repo(text: str) -> str:
    # A service's name may contain a space or a slash; making the event finds that.
    if not re.search(REPO.pattern, text.replace("{service}", "service")):
        raise ValueError(f"expected {REPO.expected}, got {got(text)}")
    braced = re.search(r"\{[^}]*\}?", text.replace("{service}", ""))
    if braced:
        raise ValueError(f"expected {{service}} or nothing in braces, got {got(braced[0])}")
    return text


def _adapter(
    reading: SettingsReader,
    place: Place,
    load: Callable[[str], Adapter],
    installed: Callable[[], Sequence[str]],
) -> Adapter | None:
    name = reading.get((*place, "adapter"))
    if name is None:
        return None
    try:
        return load(name)
    except ConfigurationError as error:
        names = installed()
        hint = "" if name in names else did_you_mean(name, names)
        reading.fault((*place, "adapter"), str(error).removeprefix("adapter: ") + hint)
    except Exception as error:  # noqa: BLE001  importing an unknown package may raise anything
        reading.fault(
            (*place, "adapter"), f"expected an adapter that loads, got {type(error).__name__}: {error}"
        )
    return None


def _probe(reading: SettingsReader, place: Place, adapter: Adapter, header: str) -> None:
    """Give the adapter an unsigned delivery. It must refuse it, and it reports a missing `header`."""
    request = Request.make(headers={}, body=b"{}")
    try:
        adapter.verify(request, [Secret("no sender has this")], header)
        instead = "one that accepts it"
    except ProofError:
        return
    except ConfigurationError as error:
        reading.fault((*place, "header"), str(error).removeprefix("header: "))
        return
    except Exception as error:  # noqa: BLE001  an adapter may raise anything
        instead = type(error).__name__
    expected = "expected an adapter that refuses a delivery without proof"
    reading.fault((*place, "adapter"), f"{expected}, got {instead}")


def _filter(reading: SettingsReader, place: Place) -> Filter:
    return Filter(
        urgency=reading.of((*place, "urgency"), _lines, ()),
        priority=reading.of((*place, "priority"), _lines, ()),
        tags=MappingProxyType(
            {name: reading.of((*place, "tags", name), _lines, ()) for name in reading.names((*place, "tags"))}
        ),
    )


def _lines(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _options(
    reading: SettingsReader, place: Place, options: Mapping[str, Option] | None
) -> Mapping[str, Any]:
    if options is None:
        return {}
    chosen = {name: option.values[0] for name, option in options.items()}
    for name in reading.names((*place, "options")):
        where = (*place, "options", name)
        if name not in options:
            known = f"one of {', '.join(options)}" if options else "no options, since this adapter has none"
            reading.fault(where, f"expected {known}, got another name{did_you_mean(name, options)}")
            continue
        value = reading.get(where)
        # 1 equals true in Python, but not in YAML.
        if not any(value == allowed and type(value) is type(allowed) for allowed in options[name].values):
            reading.fault(where, f"expected {_choice(options[name])}, got {got(value)}")
            continue
        chosen[name] = value
    return MappingProxyType(chosen)


def _choice(option: Option) -> str:
    words = [value if isinstance(value, str) else got(value) for value in option.values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
