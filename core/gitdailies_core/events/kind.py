"""A kind of event with its fields, and the kind that a CI step sends: a deploy.

`events` has all kinds. The published steps hold this module and not that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitdailies_core.error_text import got_of
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.field_types import (
    ATTEMPT,
    COMMITS,
    IDENTIFIER,
    LINE,
    NAME,
    REPO,
    REVERTS,
    SHA,
    TIER,
    TIME,
    TRIGGER,
    TYPE,
    URL,
    FieldType,
    normalize,
)

DEPLOYED = "deployed"


class Field(NamedTuple):
    """A field of a kind: its wire name, its type, and whether GitDailies documents it."""

    name: str
    type: FieldType
    about: str
    required: bool = False
    documented: bool = False


class Kind:
    """A kind of event: its wire word, its fields and an example. It does not change."""

    def __init__(self, word: str, title: str, fields: tuple[Field, ...], example: Mapping[str, Any]) -> None:
        self.word = word
        self.title = title
        self.fields = fields
        self.example = example
        # The wire names of the fields, and `kind`; the fields that hold a list; the names without theirs.
        self.names = frozenset({"kind", *(field.name for field in fields)})
        self.lists = tuple(field for field in fields if field.type.is_list)
        self.names_without_lists = self.names - {field.name for field in self.lists}

    def field(self, name: str) -> Field | None:
        """Find a field by its wire name. Returns None if the kind has no such field."""
        return next((field for field in self.fields if field.name == name), None)

    def checked(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of this kind's fields, by wire name. null and "" mean not given.

        Raises InvalidEvent that names each wrong field, the expected value and the actual one.
        """
        values: dict[str, Any] = {}
        faults: list[InvalidEvent] = []
        for field in self.fields:
            name, value = field.name, body.get(field.name)
            if value is not None and value != "":
                try:
                    values[name] = normalize(field.type, name, value)
                except InvalidEvent as error:
                    faults.append(error)
            elif field.required:
                fault = f"{name}: expected {field.type.expected}, got {got_of(body, name)}"
                faults.append(InvalidEvent(fault, name))
        if faults:
            raise InvalidEvent.of(faults)
        return values


REPO_FIELD = Field("repo", REPO, "the repository, as owner/name", required=True, documented=True)
ENVIRONMENT = Field(
    "environment", NAME, "where it happened; left out, it counts as production", documented=True
)
TIME_FIELD = Field("time", TIME, "when it happened; left out, the moment of the call", documented=True)
IDENTITY = Field("id", IDENTIFIER, "names this event; the same at every attempt, so that it counts once")
SERVICE = Field("service", NAME, "the service, where a repository holds several")
EVENT_URL = Field("url", URL, "a page about it")

DEPLOY = Kind(
    word=DEPLOYED,
    title="deploy occurred",
    fields=(
        REPO_FIELD,
        Field("commitSHA", SHA, "the commit that was deployed", required=True, documented=True),
        ENVIRONMENT,
        Field("branch", LINE, "the branch it was built from", documented=True),
        TIME_FIELD,
        IDENTITY,
        SERVICE,
        Field("run", NAME, "the pipeline run, the same at every attempt; `github-actions:9912004455`"),
        Field("attempt", ATTEMPT, "which attempt of the run this is; left out, the first"),
        Field("reporter", NAME, "what reported the deploy; `step/github-actions`"),
        Field("trigger", TRIGGER, "what started the run; a slow job of a push is no rollback"),
        Field("tier", TIER, "what the environment is for, whatever its name"),
        Field("type", TYPE, "what kind of deploy; left out, deploy"),
        EVENT_URL,
        Field(
            "commits",
            COMMITS,
            "the commits it brought, newest first, for the lead time; the first 1000 count. `parents` are the"
            " SHAs of a commit's parents: send them, or leave merges out, which else count as commits."
            " `outside` marks one that touches nothing of the service",
        ),
        Field("commitTime", TIME, "when the deployed commit was made, where `commits` is not known"),
        Field("fixes", NAME, "the id of the incident that it fixes"),
        Field("reverts", REVERTS, "the commits that its commits undo; the first 100 count"),
    ),
    example={
        "kind": DEPLOYED,
        "repo": "larkspur/checkout-api",
        "commitSHA": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
        "branch": "main",
        "environment": "production",
        "time": "2026-03-04T08:55:12Z",
        "id": "deploy-2026-03-04-1",
    },
)
