"""Read `repositories`: the former names of each repository, and the paths of its services."""

from gitdailies_core.deploys.service_paths import ServicePaths, checked
from gitdailies_core.error_text import got
from gitdailies_core.events.field_types import REPO
from gitdailies_core.values.renames import Renames, folded

from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.reader import SettingsReader


def renames(reading: SettingsReader) -> Renames:
    """Return the former names. A repository that was renamed twice may be under either later name."""
    names: dict[str, str] = {}
    # By the folded former name: the place of its line, the name as it was, and the next one.
    lines: dict[str, tuple[Place, str, str]] = {}
    for name in reading.names(("repositories",)):
        place: Place = ("repositories", name)
        if not REPO.accepts(name):
            reading.fault(place, f"expected {REPO.expected}, got {got(name)}")
        if folded(name) in names:
            reading.fault(place, f"expected names that differ in more than case, got {got(name)} twice")
        names[folded(name)] = name
        for index, former in enumerate(reading.get((*place, "was")) or ()):
            where = (*place, "was", index)
            before = lines.setdefault(folded(former), (where, former, name))
            if not REPO.accepts(former):
                reading.fault(where, f"expected {REPO.expected}, got {got(former)}")
            elif folded(former) == folded(name):
                reading.fault(where, "expected a former name, got the present one; remove it")
            elif folded(before[2]) != folded(name):
                other = f"it is also a former name of {before[2]}; remove it from one of them"
                reading.fault(where, f"expected a name of one repository, got {got(former)}; {other}")
    return Renames(
        tuple((former, _present(reading, key, lines, names)) for key, (_, former, _) in lines.items())
    )


def _present(
    reading: SettingsReader, key: str, lines: dict[str, tuple[Place, str, str]], names: dict[str, str]
) -> str:
    """Follow the later names of a former one to the last; a circle is a fault."""
    passed = [key]
    where, former, name = lines[key]
    while folded(name) in lines:
        if folded(name) in passed:
            way = " → ".join((former, *(lines[one][2] for one in passed)))
            reading.fault(where, f"expected an end of the names, got a circle: {way}; remove a line of it")
            break
        passed.append(folded(name))
        name = lines[folded(name)][2]
    return names.get(folded(name), name)


def service_paths(reading: SettingsReader, known: Renames) -> ServicePaths:
    """Return the globs of each service that has paths, by the folded present name of its repository."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in reading.names(("repositories",)):
        above: Place = ("repositories", name, "services")
        for service in reading.names(above):
            place: Place = (*above, service, "paths")
            services = found.setdefault(known.key(name), {})
            if folded(service) in services:
                reading.fault((*above, service), f"expected a service once, got {got(service)} twice")
            services[folded(service)] = reading.each(place, checked)
    return found
