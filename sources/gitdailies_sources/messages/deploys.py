"""Deploys and pushes: what a pack's `deployed` and `pushed` become."""

import re
from collections.abc import Callable

from gitdailies_core.errors import PayloadError
from gitdailies_core.events.field_types import DEPLOY_TYPES, TIERS, TRIGGERS
from gitdailies_core.reasons import NO_COMMIT
from gitdailies_core.sources.deploy_messages import Deploy, DeployedCommit, Push, PushedCommit
from gitdailies_core.sources.images import too_short
from gitdailies_core.sources.protocol import ROUTE_FOR_SERVICE, ROUTE_OPTIONAL, ROUTE_REQUIRED, Unreadable

from gitdailies_sources.language import git
from gitdailies_sources.language.scope import Scope
from gitdailies_sources.language.values import Value
from gitdailies_sources.messages.fields import EntryFields, missing, needed_text, no_time

MOST_COMMITS = 10_000
# The total of a push that has more commits than it lists.
_MORE = "more"
_PLATFORM = re.compile(r"[a-z0-9][a-z0-9.-]{0,49}")
MakeDeploy = Callable[[Scope, str, str], Deploy | Unreadable]
MakePush = Callable[[Scope, str, str], Push]


def _commits(entry: EntryFields) -> Callable[[Scope, str | None], list[PushedCommit] | None]:
    """Compile `commits`: `{each: list, sha: path, time: path, message: path, files: […]}`.

    The function of the scope and the last commit returns them oldest first, whatever their order: a list
    that begins with the last commit is turned around. It returns None where there is no list, or one of it
    cannot be read. The files of a commit are all texts of `files`, and unknown where one of these paths leads
    to no list.
    """
    if not entry.has("commits"):
        return lambda _scope, _last: None
    given, place, faults = entry.given("commits")
    fields = EntryFields({"each": "body", "sha": "id", **given}, place, faults)
    each, sha, message = fields.value("each"), fields.value("sha"), fields.value("message")
    time, files = fields.time("time"), fields.values("files")

    def read(scope: Scope, last: str | None) -> list[PushedCommit] | None:
        elements = each.raws(scope)
        if not elements and not each.is_named(scope):
            return None
        found = []
        for inside in map(scope.at, elements[:MOST_COMMITS]):
            commit = git.sha(sha.text(inside) or "")
            if commit is None:
                return None
            try:
                moment = time.read(inside)
            except PayloadError:
                return None
            listed = bool(files) and all(one.is_named(inside) for one in files)
            names = tuple(name for one in files for name in one.texts(inside)) if listed else None
            found.append(
                PushedCommit(commit, moment.at if moment else None, message.text(inside) or "", names)
            )
        return found[::-1] if found and found[0].sha == last else found

    return read


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
        before, brought = previous.text(scope), commits(scope, commit)
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
            # Newest first, as events have them.
            commits=None if brought is None else tuple(DeployedCommit(c.sha, c.time) for c in brought[::-1]),
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
        listed = tuple(commits(scope, tip) or ())
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
