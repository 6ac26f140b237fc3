"""Deploys and pushes: what a pack's `deployed` and `pushed` become."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gitdailies_core.errors import PayloadError
from gitdailies_core.events.field_types import DEPLOY_TYPES, TIERS, TRIGGERS
from gitdailies_core.reasons import NO_COMMIT
from gitdailies_core.sources.deploy_messages import Deploy, DeployedCommit, Push, PushedCommit
from gitdailies_core.sources.images import too_short
from gitdailies_core.sources.protocol import (
    ROUTE_FOR_SERVICE,
    ROUTE_OPTIONAL,
    ROUTE_REQUIRED,
    Unreadable,
)

from gitdailies_sources.language import git, times, values
from gitdailies_sources.language.faults import Faults, Place
from gitdailies_sources.language.scope import Scope
from gitdailies_sources.language.times import Time
from gitdailies_sources.language.values import Value
from gitdailies_sources.messages.fields import EntryFields, missing, needed_text, no_time

MOST_COMMITS = 10_000
# As the total of a push: more than are listed, but not how many.
_MORE = "more"
_PLATFORM = re.compile(r"[a-z0-9][a-z0-9.-]{0,49}")
MakeDeploy = Callable[[Scope, str, str], Deploy | Unreadable]
MakePush = Callable[[Scope, str, str], Push]


class Commits:
    """The compiled `commits` of an entry: `{each: list, sha: path, time: path, message: path, files: […]}`.

    A list is oldest first, unless `newest_first: true` turns it around. The files of a commit are all texts
    of `files`, and unknown where one of these paths leads to no list.
    """

    def __init__(self, given: Mapping[str, Any], place: Place, faults: Faults) -> None:
        self._each = values.compiled(given.get("each", "body"), (*place, "each"), faults)
        self._sha = values.compiled(given.get("sha", "id"), (*place, "sha"), faults)
        self._time = self._optional_time(given, place, faults)
        self._newest_first = given.get("newest_first") is True
        self._message = (
            values.compiled(given["message"], (*place, "message"), faults)
            if "message" in given
            else values.NOTHING
        )
        self._files = [
            values.compiled(one, (*place, "files", number), faults)
            for number, one in enumerate(given.get("files", ()))
        ]

    @staticmethod
    def _optional_time(given: Mapping[str, Any], place: Place, faults: Faults) -> Time:
        return times.compiled(given["time"], (*place, "time"), faults) if "time" in given else times.NEVER

    def read(self, scope: Scope) -> list[PushedCommit] | None:
        """Return the commits, oldest first; None where there is no list, or one of it cannot be read."""
        elements = self._each.raws(scope)
        if not elements and not self._each.is_named(scope):
            return None
        found = []
        for element in elements[:MOST_COMMITS]:
            inside = scope.at(element)
            text = self._sha.text(inside)
            commit = git.sha(text) if text is not None else None
            if commit is None:
                return None
            try:
                moment = self._time.read(inside)
            except PayloadError:
                return None
            message, at = self._message.text(inside) or "", moment.at if moment else None
            found.append(PushedCommit(commit, at, message, self._files_of(inside)))
        return found[::-1] if self._newest_first else found

    def _files_of(self, commit: Scope) -> tuple[str, ...] | None:
        if not self._files or not all(one.is_named(commit) for one in self._files):
            return None
        return tuple(name for one in self._files for name in one.texts(commit))


def _commits(fields: EntryFields) -> Callable[[Scope], list[PushedCommit] | None]:
    return Commits(*fields.given("commits")).read if fields.has("commits") else _no_commits


def _no_commits(scope: Scope) -> None:  # noqa: ARG001  the same as of Commits
    return None


def compiled(fields: EntryFields, platform: str, hint: str) -> MakeDeploy:
    """Compile an entry to a function of the scope, the vendor's word and the message's key.

    *hint* says what to add where a deploy names no commit.
    """
    repo, sha = fields.value("repo"), fields.needed("sha", "a path to the commit's SHA")
    at, commit_time = fields.time("deployed_at"), fields.time("commit_time")
    if not fields.has("deployed_at"):
        fields.fault("deployed_at", "expected a path to the deploy's time, or received, got nothing")
    ref, tag, commits = fields.value("ref"), fields.value("tag"), _commits(fields)
    environment, service, url = fields.value("environment"), fields.value("service"), fields.value("url")
    application = fields.value("application")
    run, attempt = fields.value("run"), fields.value("attempt")
    deployment, route = fields.value("deployment"), fields.value("route")
    service_by = fields.values("service_by")
    told_object = fields.value("object")
    named_platform, kind, tier = fields.value("platform"), fields.value("type"), fields.value("tier")
    trigger = fields.value("trigger")
    previous, reverts, images = (fields.value(one) for one in ("previous", "reverts", "images"))
    route_required, gitops = fields.flag("route_required"), fields.value_or_flag("gitops")

    def make(scope: Scope, word: str, key: str) -> Deploy | Unreadable:
        commit = git.sha(sha.text(scope) or "")
        if commit is None:
            reason = f"no commit{too_short(images.texts(scope))}" + (f"; {hint}" if hint else "")
            return Unreadable(reason, word=word, key=key, code=NO_COMMIT)
        moment = at.read(scope) or no_time(scope, at)
        branch = ref.text(scope)
        on_tag = tag.text(scope) not in (None, "false", "0")
        committed = commit_time.read(scope)
        before, brought = previous.text(scope), commits(scope)
        return Deploy(
            word=word,
            key=key,
            repo=_repo(repo, scope),
            sha=commit,
            at=moment.at,
            at_receipt=moment.at_receipt,
            branch=git.branch(branch, tag=on_tag) if branch else None,
            environment=environment.text(scope),
            service=service.text(scope),
            application=application.text(scope),
            platform=_platform(named_platform.text(scope)) or platform,
            run=run.text(scope) or "",
            attempt=attempt.text(scope),
            deployment=deployment.text(scope) or "",
            object=told_object.text(scope) or "",
            commits=None if brought is None else tuple(DeployedCommit(one.sha, one.time) for one in brought),
            commit_time=committed.at if committed else None,
            previous=git.sha(before) if before else None,
            type=_word(kind, scope, DEPLOY_TYPES),
            tier=_word(tier, scope, TIERS),
            trigger=_word(trigger, scope, TRIGGERS),
            reverts=tuple(one for text in reverts.texts(scope) if (one := git.sha(text))),
            url=url.text(scope),
            route=route.text(scope) or "",
            service_by=tuple(text for value in service_by if (text := value.text(scope))),
            route_required=route_required,
            gitops=gitops.text(scope) == "true",
            images=tuple(images.texts(scope)),
        )

    return make


def route_use(fields: EntryFields) -> str:
    """Return what a line of `route` may do for the deploys of an entry: a word of the protocol's, or ""."""
    if fields.has("route"):
        return ROUTE_REQUIRED if fields.flag("route_required") else ROUTE_OPTIONAL
    return ROUTE_FOR_SERVICE if fields.has("service_by") else ""


def _repo(value: Value, scope: Scope) -> str:
    """Return `owner/name`, or "" where the delivery names no repository: its route may."""
    text = value.text(scope)
    if text is None:
        return ""
    found = git.repo(text)
    if found is None:
        missing(value, scope, "owner/name or the address of a repository")
    return found


def _platform(text: str | None) -> str | None:
    plain = (text or "").lower()
    return plain if _PLATFORM.fullmatch(plain) else None


def _total(value: Value, scope: Scope, listed: int) -> int | None:
    """Return how many commits a push brought. `more` is at least one more than are *listed*."""
    text = value.text(scope)
    if text is None:
        return None
    if text == _MORE:
        return listed + 1
    if not (text.isascii() and text.isdigit()):
        missing(value, scope, f"a number, or {_MORE}")
    return int(text)


def _word(value: Value, scope: Scope, known: tuple[str, ...]) -> str | None:
    text = (value.text(scope) or "").lower()
    return text if text in known else None


def compiled_push(fields: EntryFields) -> MakePush:
    """Compile an entry whose table says `pushed`."""
    repo, ref = fields.needed("repo", "a path to the repository"), fields.needed("ref", "a path to the ref")
    before, after = fields.value("before"), fields.needed("after", "a path to the new commit")
    default_branch, forced, commits = fields.value("default_branch"), fields.value("forced"), _commits(fields)
    total = fields.value("total")

    def make(scope: Scope, word: str, key: str) -> Push:
        written = needed_text(after, scope)
        tip = git.sha(written)
        if tip is None and set(written) != {"0"}:
            missing(after, scope, "a commit")
        name = git.branch(needed_text(ref, scope))
        if name is None:
            missing(ref, scope, "a branch")
        listed = tuple(commits(scope) or ())
        return Push(
            word=word,
            key=key,
            repo=_repo(repo, scope),
            branch=name,
            before=git.sha(before.text(scope) or "") or "",
            after=tip or "",
            commits=listed,
            forced=forced.text(scope) == "true",
            default_branch=default_branch.text(scope),
            total=_total(total, scope, len(listed)),
        )

    return make
