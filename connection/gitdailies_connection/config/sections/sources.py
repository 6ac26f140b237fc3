"""Read `sources`: the tools that send webhooks, and what of theirs counts."""

from collections.abc import Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gitdailies_core.deploys.routing import SAME, DeployRoute, DeployRoutes
from gitdailies_core.error_text import got
from gitdailies_core.errors import ConfigurationError, MappingError, ProofError
from gitdailies_core.events.field_types import REPO
from gitdailies_core.incidents.routing import NONE, Filter
from gitdailies_core.sources import protocol, registry
from gitdailies_core.sources.request import Request
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_core.values.secret import Secret

from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.reader import SettingsReader
from gitdailies_connection.config.sections.settings import Source

# The kind of a pack whose messages are alerts: it says itself what it is.
ALERT = "alert"
LONGEST_HOLD = timedelta(days=1)
_CHOICES = ("only", "count")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_WRITES = "; `gitdailies sources show NAME --yaml` prints a shipped one to begin with"
_SECRETS = "a list of {env: NAME} or {file: PATH}"


def adapter_of(source: Source) -> protocol.Adapter:
    """Return what translates a source's deliveries: its own mapping, a pack with its override, or an adapter.

    Raises ConfigurationError.
    """
    return source.pack if source.pack is not None else registry.adapter(source.adapter)


def refuse_unfit(source: Source, secret: Secret) -> None:
    """Raise ConfigurationError for a secret that the proof of a source cannot use."""
    adapter = adapter_of(source)
    try:
        if isinstance(adapter, protocol.ChecksSecrets):
            adapter.refuse_unfit(secret, source.proof)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; copy all of the secret of sources.{source.name} again") from None


def is_of_alerts(adapter: protocol.Adapter) -> bool:
    """Whether a tool sends alerts. `only` says which of them are incidents."""
    return getattr(adapter, "kind", "") == ALERT


def counts_by_route_alone(source: Source) -> bool:
    """Whether no deploy of a source counts without a line of `route`."""
    return _route_uses(adapter_of(source)) == {protocol.ROUTE_REQUIRED}


def _route_uses(adapter: protocol.Adapter) -> frozenset[str]:
    # An adapter in code has no deploys.
    return getattr(adapter, "route_uses", frozenset())


def sources(reading: SettingsReader) -> Mapping[str, Source]:
    """Read `sources`."""
    found = {}
    for name in reading.names(("sources",)):
        place: Place = ("sources", name)
        mapping, override = reading.get((*place, "mapping")), reading.get((*place, "override"))
        file = reading.of((*place, "adapter", "file"), lambda path: reading.folder / path, None)
        pack = _pack(reading, place) if file is None else _of_file(reading, place, file)
        adapter = pack or _adapter(reading, place)
        proof = reading.settings(place, protocol.ProofSettings())
        needs_secrets = not (isinstance(adapter, protocol.Certified) and adapter.needs_no_secret(proof))
        if needs_secrets and reading.absent((*place, "secrets")):
            reading.fault((*place, "secrets"), f"expected {_SECRETS}, got nothing")
        elif adapter is not None and (not needs_secrets or reading.get((*place, "secrets")) is not None):
            _probe(reading, place, adapter, proof)
        if adapter is not None:
            _check_values(reading, (*place, "only"), adapter)
        only, count_all = _filter(reading, (*place, "only")), reading.get((*place, "count")) is not None
        _refuse_every_alert(reading, place, adapter, chosen=count_all or only.chooses_incidents)
        route = _deploy_routes(reading, (*place, "route"))
        if adapter is not None:
            _refuse_idle_lines(reading, (*place, "route"), adapter)
        found[name] = reading.settings(
            place,
            # A mapping has no adapter, and goes by the name of its source.
            Source(name, name if mapping is not None else "", ()),
            {"hold": _duration},
            **({} if file is None else {"adapter": "" if pack is None else pack.name}),
            proof=proof,
            secrets=reading.each((*place, "secrets"), reading.secret),
            only=only,
            options=_options(reading, place, adapter.options if adapter is not None else None),
            mapping=mapping,
            override=override,
            file=file,
            pack=pack,
            route=route,
        )
    return MappingProxyType(found)


def _adapter(reading: SettingsReader, place: Place) -> protocol.Adapter | None:
    name = reading.get((*place, "adapter"))
    if not isinstance(name, str):
        return None
    try:
        return registry.adapter(name)
    except ConfigurationError as error:
        reading.fault((*place, "adapter"), str(error).removeprefix("adapter: "))
    except Exception as error:  # noqa: BLE001  importing an unknown package may raise anything
        reading.fault(
            (*place, "adapter"), f"expected an adapter that loads, got {type(error).__name__}: {error}"
        )
    return None


def _pack(reading: SettingsReader, place: Place) -> protocol.Adapter | None:
    """Compile a source's mapping, or its pack with an override. None if it has neither, or a fault."""
    mapping, override = (*place, "mapping"), (*place, "override")
    has_mapping, has_override = not reading.absent(mapping), not reading.absent(override)
    if reading.absent((*place, "adapter")) and not has_mapping:
        # One fault for a misspelled name, not a second one for the name that is missing.
        if not any(did_you_mean(name, ("adapter", "mapping")) for name in reading.wrong_names(place)):
            reading.fault(
                (*place, "adapter"),
                "expected the name of an adapter or a source pack, or a mapping in its place, got nothing",
            )
        return None
    if not has_mapping and not has_override:
        return None
    if has_mapping and not reading.absent((*place, "adapter")):
        reading.fault(mapping, "expected adapter or mapping, got both; an adapter takes override")
        return None
    if has_mapping and has_override:
        reading.fault(override, "expected no override beside mapping, got one; change the mapping itself")
        return None
    given = reading.get(mapping if has_mapping else override)
    name = str(place[-1]) if has_mapping else reading.get((*place, "adapter"))
    if given is None or name is None:
        return None
    if has_mapping and set(given) == {"proof"} and reading.get((*place, "capture")) is not True:
        reading.fault(mapping, "expected state and incident beside proof, or capture: true, got proof alone")
    try:
        if has_mapping:
            return registry.compile_source(name, mapping=given)
        return registry.compile_source(name, override=given)
    except MappingError as error:
        for inner, text in error.places.items():
            reading.fault((*place, *inner), text)
    except ConfigurationError as error:
        reading.fault((*place, "adapter"), str(error).removeprefix("adapter: "))
    return None


def _of_file(reading: SettingsReader, place: Place, file: Path) -> protocol.Adapter | None:
    """Compile the pack in *file*, with the source's override. Faults name the file and its line."""
    if not reading.absent((*place, "mapping")):
        reading.fault((*place, "mapping"), "expected adapter or mapping, got both; a file takes override")
    try:
        text = yaml_document.read_text(file, remedy=_WRITES)
    except ConfigurationError as error:
        reading.fault((*place, "adapter", "file"), f"expected a source pack, got {error}")
        return None
    try:
        document = yaml_document.parse(text, str(file))
        pack = registry.compile_source("", override=reading.get((*place, "override")), file=document)
        if pack.name in registry.names():
            raise document.error({("name",): f"{pack.name!a} is an adapter in code; write another name"})
    except MappingError as error:
        for inner, text in error.places.items():
            reading.fault((*place, *inner), text)
    except ConfigurationError as error:
        reading.fault_elsewhere(error)
    else:
        return pack
    return None


def _probe(
    reading: SettingsReader, place: Place, adapter: protocol.Adapter, settings: protocol.ProofSettings
) -> None:
    """Give the adapter an unsigned delivery. It must refuse it, and it reports a missing `header`."""
    request = Request.make(headers={}, body=b"{}")
    try:
        adapter.verify(request, [Secret("no sender has this")], settings)
        instead = "one that accepts it"
    except ProofError:
        return
    except ConfigurationError as error:
        name, colon, text = str(error).partition(": ")
        named = colon and name in ("header", "allowed")
        reading.fault((*place, name if named else "header"), text if named else str(error))
        return
    except Exception as error:  # noqa: BLE001  an adapter may raise anything
        instead = type(error).__name__
    expected = "expected an adapter that refuses a delivery without proof"
    reading.fault((*place, "adapter"), f"{expected}, got {instead}")


def _deploy_routes(reading: SettingsReader, place: Place) -> DeployRoutes:
    return DeployRoutes.make(
        {
            word: DeployRoute(
                repos[0],
                reading.get((*place, word, "environment")),
                reading.get((*place, word, "service")),
                repos[1:],
            )
            for word in reading.names(place)
            for repos in [reading.of((*place, word, "repo"), _deploy_repos, _lines(""))]
        }
    )


def _refuse_idle_lines(reading: SettingsReader, place: Place, adapter: protocol.Adapter) -> None:
    """Report each line of `route` that can do nothing for a deploy of *adapter*."""
    uses = _route_uses(adapter) - {""}
    words = reading.names(place)
    if words and not uses:
        reading.fault(place, f"no line of route can do anything at {adapter.name}; remove route")
        return
    for word in words:
        given = {name for name in DeployRoute._fields if not reading.absent((*place, word, name))}
        if not given and protocol.ROUTE_REQUIRED not in uses:
            text = "this line does nothing; name a service, an environment or a repository"
        elif given == {"service"} and uses == {protocol.ROUTE_REQUIRED}:
            text = "a line with service alone counts nothing; add environment or repo"
        elif "service" not in given and uses == {protocol.ROUTE_FOR_SERVICE}:
            text = f"this line does nothing: {adapter.name} names the place of each deploy; add service"
        else:
            continue
        reading.fault((*place, word), text)


def _deploy_repos(given: str | list[str]) -> tuple[str, ...]:
    for text in _lines(given):
        if not REPO.accepts(text) and given != SAME:
            alone = "" if isinstance(given, list) else f", or {SAME}"
            raise ValueError(f"expected {REPO.expected}{alone}, got {got(text)}")
    return _lines(given)


def _refuse_every_alert(
    reading: SettingsReader, place: Place, adapter: protocol.Adapter | None, *, chosen: bool
) -> None:
    """Refuse a source of alerts that does not say which of them count."""
    if adapter is None or chosen or not is_of_alerts(adapter):
        return
    if any(reading.get((*place, name)) is None and not reading.absent((*place, name)) for name in _CHOICES):
        return  # it has a fault of its own
    reading.fault(
        (*place, "only"),
        f"expected which alerts of {adapter.name} are incidents, got nothing; set only, for example"
        " {severity: critical}, or count: all",
    )


def _duration(text: str) -> timedelta:
    """Read `7m`, `90s` or `1h`. The schema has checked the form."""
    duration = timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
    if duration > LONGEST_HOLD:
        raise ValueError(f"expected at most 24h, got {got(text)}")
    return duration


def _check_values(reading: SettingsReader, place: Place, adapter: protocol.Adapter) -> None:
    """Report each text of `only` that no incident of the vendor ever has: it would filter all of them."""
    if not isinstance(adapter, protocol.KnowsValues):
        return
    for name, known in adapter.values.items():
        value = reading.get((*place, name))
        listed = isinstance(value, list)
        for index, text in enumerate(value if listed else [value] if value is not None else ()):
            wanted = text.casefold()
            if wanted == NONE or any(fnmatchcase(one.casefold(), wanted) for one in known):
                continue
            words = f"{', '.join(known)} or {NONE}"
            where = (*place, name, index) if listed else (*place, name)
            reading.fault(where, f"expected {words}, got {got(text)}{did_you_mean(text, known)}")


def _filter(reading: SettingsReader, place: Place) -> Filter:
    def texts(*inner: str) -> tuple[str, ...]:
        return reading.of((*place, *inner), _lines, ())

    names = ("urgency", "priority", "severity", "service", "title", "environment")
    tags = {name: texts("tags", name) for name in reading.names((*place, "tags"))}
    return Filter(**{name: texts(name) for name in names}, tags=MappingProxyType(tags))


def _lines(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _options(
    reading: SettingsReader, place: Place, options: Mapping[str, protocol.Option] | None
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


def _choice(option: protocol.Option) -> str:
    words = [value if isinstance(value, str) else got(value) for value in option.values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
