"""Allowed imports: the table, and the search for faults. `exemptions.yaml` has what it leaves out.

A room is a folder at the top, or one below `ci-steps`, that holds one package `gitdailies_…`. The
first rule that fits a module's room and file name holds for it. A room that the table does not name
is held to the rule of those that read a CI platform's past.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import gitdailies_core
import yaml

from tests.rooms import structure
from tests.rooms.reading import Use, imports, impure_calls


def words(text: str, prefix: str = "") -> frozenset[str]:
    return frozenset(prefix + word for word in text.split())


# The standard library without sockets, files, clock, environment and processes.
PURE = words(
    """__future__ abc base64 binascii bisect collections copy dataclasses datetime decimal difflib
    email.utils enum fnmatch functools hashlib heapq hmac html ipaddress itertools json math operator re shlex
    string textwrap types typing unicodedata urllib.parse zlib"""
)
ANY_STDLIB = frozenset(sys.stdlib_module_names)

# The values and decisions of core that an adapter may use.
CORE_VALUES = words(
    """error_text errors events.events events.field_types events.ids incidents.routing reasons
    sources.catalogs sources.connecting sources.deploy_messages sources.fields sources.history
    sources.protocol sources.request sources.signatures values""",
    prefix="gitdailies_core.",
)


def _exports() -> Iterator[str]:
    """Yield the names that the file of `gitdailies_core` imports for others."""
    for node in ast.parse(Path(gitdailies_core.__file__).read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


# The names that core exports for authors of adapters. Each is defined in a module of CORE_VALUES,
# which a test checks, so `from gitdailies_core import …` allows nothing more.
CORE_EXPORTS = frozenset(f"gitdailies_core.{name}" for name in _exports())
CORE = frozenset({"gitdailies_core"})
CONNECTION = frozenset({"gitdailies_connection"})
SERVER = frozenset({"gitdailies_server"})
ROOMS_BELOW = CORE | CONNECTION | SERVER


@dataclass(frozen=True)
class Rule:
    """What modules of a room may import besides their own package; *pure*: they make no impure call."""

    room: str
    module: str
    may: frozenset[str]
    pure: bool = False


CI = Path(__file__).resolve().parents[2] / "core/gitdailies_core/ci"
# These modules decide about a job's deploys; the others read, send and run.
CI_DECISIONS = frozenset(
    f"gitdailies_core.{'.'.join(path.relative_to(CI.parent).with_suffix('').parts)}"
    for path in CI.rglob("*.py")
    if path.stem not in words("__init__ __main__ checkout git_log id_token proxy sender step undelivered")
) | {"gitdailies_core.ci.platforms"}
DECIDED_BY_HISTORY = words(
    """batches encoding faults fetch formats mapping pairing rows spreadsheet_times
    summary verdicts"""
)
READ_BY_HISTORY = words(
    """config.document.errors config.document.schema_errors config.document.yaml_document.Document
    config.sections.settings.Source http.event_lists.CREATED http.event_lists.UNCHANGED
    http.event_lists.EventResult""",
    prefix="gitdailies_connection.",
)

# How documents of ours are read and their faults are named; no file and no socket.
READ_BY_SOURCES = words(
    "config.document.errors config.document.schema_errors config.timezones config.document.yaml_document",
    prefix="gitdailies_connection.",
)

# What a server with a store, a log and metrics is made of.
STORES = words("alembic orjson prometheus_client psycopg sqlalchemy structlog")

RULES = (
    Rule("core", "*", PURE, pure=True),
    # The past is read where a vendor's words are known, and only there; no step is made from it.
    Rule("*", "reader", ANY_STDLIB | CORE | CONNECTION | {"requests"}),
    Rule("*-adapter", "*", PURE | CORE_VALUES | CORE_EXPORTS, pure=True),
    # Source packs are like adapters. Only the provider reads files, those of its own package.
    Rule("sources", "shipped", PURE | CORE_VALUES | CORE_EXPORTS | READ_BY_SOURCES | {"importlib.resources"}),
    Rule(
        "sources",
        "*",
        PURE
        | CORE_VALUES
        | CORE_EXPORTS
        | READ_BY_SOURCES
        # A repository's address, the messages about deploys, and what images tell.
        | words("ci.job.git_url sources.deploy_messages sources.images", prefix="gitdailies_core.")
        | words("cryptography yaml"),
        pure=True,
    ),
    # libpq reads the address of a store, where it is installed.
    Rule("connection", "postgresql_address", ANY_STDLIB | CORE | words("psycopg psycopg.conninfo")),
    Rule("connection", "*", ANY_STDLIB | CORE | words("jsonschema msgspec requests urllib3 yaml")),
    Rule("server", "*", ANY_STDLIB | CORE | CONNECTION | STORES | words("greenlet httptools")),
    Rule("relay", "*", ANY_STDLIB | ROOMS_BELOW | STORES | words("msgspec starlette")),
    Rule(
        "dora",
        "*",
        ANY_STDLIB
        | ROOMS_BELOW
        | STORES
        | words("anyio argon2 jinja2 joserfc markdown_it markupsafe msgspec numpy starlette"),
    ),
    # A row's meaning, order and cut are decided without a file, a clock or a network.
    *(
        Rule("history", module, PURE | CORE | {"csv"} | READ_BY_HISTORY, pure=True)
        for module in sorted(DECIDED_BY_HISTORY)
    ),
    Rule("history", "*", ANY_STDLIB | CORE | CONNECTION | {"requests"}),
    Rule(
        "command-line",
        "*",
        ANY_STDLIB
        | ROOMS_BELOW
        | words("history relay sources dora", prefix="gitdailies_")
        | words("anyio click markdown_it mcp mcp_types msgspec requests rich structlog uvloop"),
    ),
    # The others are CI platforms. Their past is read as their steps would have reported it.
    Rule("*", "*", PURE | CORE_VALUES | CI_DECISIONS | {"gitdailies_core.events.dialect"}, pure=True),
)


@dataclass(frozen=True)
class Exemption:
    """A file that may do more than its rule says: what, and why."""

    path: str
    uses: frozenset[str]
    reason: str


def exempt(path: str, uses: str, reason: str) -> Exemption:
    return Exemption(path, words(uses), reason)


LISTED = yaml.safe_load(Path(__file__).with_name("exemptions.yaml").read_text("utf-8"))
EXEMPTIONS = tuple(exempt(path, **one) for path, one in LISTED.items())


@cache
def rooms(root: Path) -> dict[str, str]:
    """Find every room, by its path below *root*, and its package. No test adds a room to a folder."""
    return {room.folder: room.name for room in structure.rooms(root)}


def modules(root: Path) -> list[Path]:
    """Find every module of every room."""
    return [
        path
        for room, package in rooms(root).items()
        for path in sorted((root / room / package).rglob("*.py"))
    ]


def room_of(path: Path, root: Path) -> str:
    """Return the room of a module, by its path below *root*."""
    inside = path.relative_to(root).as_posix()
    return next(room for room in rooms(root) if inside.startswith(f"{room}/"))


def rule_of(path: Path, root: Path) -> Rule:
    room = room_of(path, root)
    return next(rule for rule in RULES if fnmatch(room, rule.room) and fnmatch(path.stem, rule.module))


def faults(root: Path, exemptions: tuple[Exemption, ...] = EXEMPTIONS) -> Iterator[str]:
    """Yield what breaks the table, each as `file:line: expected, got`."""
    for path in modules(root):
        inside = path.relative_to(root).as_posix()
        allowed = next((one.uses for one in exemptions if one.path == inside), frozenset[str]())
        for use in forbidden(path, root):
            if not _within(use.name, allowed):
                yield f"{inside}:{use.line}: expected what its room may use, got {use.name}"


def forbidden(path: Path, root: Path) -> Iterator[Use]:
    """Find the uses of a module that neither its rule nor an exemption allows."""
    rule = rule_of(path, root)
    package = rooms(root)[room_of(path, root)]
    may = rule.may | {package}
    for use in imports(path):
        reader = path.name != "reader.py" and use.name.startswith(f"{package}.reader")
        if reader or not _within(use.name, may):
            yield use
    if rule.pure:
        yield from impure_calls(path)


def stale(root: Path, exemptions: tuple[Exemption, ...] = EXEMPTIONS) -> Iterator[str]:
    """Yield each exception, or part of one, that no file needs any more."""
    for one in exemptions:
        path = root / one.path
        used = {use.name for use in forbidden(path, root)} if path.is_file() else set()
        for name in sorted(one.uses):
            if not any(_within(use, frozenset({name})) for use in used):
                yield f"{one.path}: expected a use of {name} ({one.reason}), got none"


def _within(name: str, allowed: frozenset[str]) -> bool:
    """Whether a module, or a name in one, is allowed itself or lies in one that is."""
    parts = name.split(".")
    return any(".".join(parts[:count]) in allowed for count in range(1, len(parts) + 1))
