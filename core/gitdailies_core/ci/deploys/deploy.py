"""Find out which deploys a job made. A fact comes from an input, the event payload, a variable or git.

The first of these that has the fact is used. A missing fact is an error. All values are arguments,
so the same job gives the same bytes when it runs again. A platform's own file reads its variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.deploys.origins import origins
from gitdailies_core.ci.job.facts import (
    SUCCEEDED,
    UNSUCCESSFUL,
    Deploys,
    Facts,
    Skipped,
    Target,
    Variables,
    repo_of,
)
from gitdailies_core.ci.job.inputs import CHECKOUT, Inputs, Repository, no_commit
from gitdailies_core.ci.job.userinfo import without_users
from gitdailies_core.ci.reporting.platform import ELSEWHERE, Platform
from gitdailies_core.errors import UsageError
from gitdailies_core.events.field_types import MOST_COMMITS, MOST_REVERTS, URL
from gitdailies_core.events.ids import deploy_id
from gitdailies_core.events.kind import DEPLOY

# The last commits on the branch: enough for the runs that failed since the last deploy. The receiver drops
# what earlier deploys brought.
USUAL_COMMITS = 250
# With the merges that brought them.
_MOST_LANDED = 2 * USUAL_COMMITS
# A job of an open pull or merge request deploys to no environment that users see.
PREVIEW = "preview"
# What a later attempt of a run has, whatever started the first.
RERUN = "rerun"
_LONGEST_NAME = 200


def resolve(
    platform: Platform,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    git: GitFacts | None = None,
    call: str = "",
    debug: Mapping[str, str] | None = None,
) -> Deploys | Skipped:
    """Find out which deploys the job made, or why it made none.

    *event* is the parsed payload that GitHub Actions keeps at GITHUB_EVENT_PATH. *call* names
    this call if the platform has no run id, so its retries count once. With *debug*, the platform's names of
    inputs, the notes say where each value comes from. Raises UsageError that
    names the input to set, and InvalidEvent if an event cannot hold a value.
    """
    variables = Variables(environ, event)
    facts = platform.read(variables)
    why_not = unwanted(facts, inputs.status)
    if why_not:
        return Skipped(why_not)
    if inputs.revision and not inputs.sha:
        raise no_commit(inputs.revision, "sha")
    job = _Job(platform, facts, inputs, git, call)
    targets = [job.with_git(target) for target in job.chosen()]
    events = {(target.repo, target.sha): job.event(target) for target in targets}
    notes = [note for target in targets for note in job.notes(target)]
    if debug is not None:
        for one in events.values():
            notes += origins(one, inputs, debug, variables, git)
    return Deploys(
        events=tuple(events.values()),
        notes=tuple(dict.fromkeys(notes)),
        warnings=tuple(dict.fromkeys(warning for target in targets for warning in target.warnings)),
    )


def unwanted(facts: Facts, status: str | None) -> str | None:
    """Return why there is nothing to report. A *status* that was set by hand overrides the platform's."""
    if status:
        word = status.lower()
        return f"status is {word}" if word in UNSUCCESSFUL else None
    word = (facts.status or "success").lower()
    if word not in SUCCEEDED:
        return f"{facts.status_of} did not succeed ({'exit status ' if word.isdigit() else ''}{word})"
    return facts.skip


class _Job(NamedTuple):
    """The facts about the job, and the steps from them to its events."""

    platform: Platform
    facts: Facts
    inputs: Inputs
    git: GitFacts | None
    call: str

    def chosen(self) -> list[Target]:
        """Return the repositories that the inputs name, each at its commit, or all of the job's own."""
        own = [t if t.repo else t._replace(repo=self.here) for t in self.facts.targets]
        if self.inputs.repos:
            return [self._named(repository, own) for repository in self.inputs.repos]
        if self.inputs.sha and len(own) > 1:
            paths = ", ".join(target.repo or "?" for target in own)
            raise UsageError(
                f"sha: expected none for {len(own)} repositories ({paths}), got one; name each as PATH@SHA"
            )
        return [self._at(target, self.inputs.sha) for target in own]

    @property
    def here(self) -> str | None:
        """The repository of the checkout, if its remote names one."""
        return repo_of(self.git.remote) if self.git else None

    def _named(self, repository: Repository, own: list[Target]) -> Target:
        path, sha = repository.path, repository.sha or self.inputs.sha
        target = next((t for t in own if _same(t.repo, path)), None)
        [one] = own if len(own) == 1 and len(self.inputs.repos) == 1 else [None]
        mirror = self.inputs.renamed or self.facts.targets[0].repo is None or (sha and one and sha == one.sha)
        if target is None and one and mirror:
            # The platform does not know its repository's name, or this is another name of it.
            target = self.facts.targets[0]
        if target is not None or sha:
            return self._at((target or Target())._replace(repo=path), sha)
        resource = self.facts.resource if len(self.inputs.repos) == 1 else None
        if resource:
            return Target(repo=path, sha=resource.sha, branch=resource.branch)
        if self.git and _same(self.here, path):
            return self._of_checkout(Target(repo=path))
        known = ", ".join(t.repo for t in own if t.repo) or "no repository"
        raise UsageError(
            f"repo: expected {path}@SHA, got no commit: {self.platform.title} has the commit of {known} only"
        )

    def _at(self, target: Target, sha: str | None) -> Target:
        """Return *target* at the commit that was set, else at the one that the run deployed."""
        if sha == CHECKOUT:
            return self._of_checkout(target)
        if sha is None:
            return self._moved(target)
        if sha == target.sha:
            return target
        if target.sha is None:
            return target._replace(sha=sha, notes=())
        # The branch and the commits belong to the platform's commit. For another one they are unknown.
        return Target(repo=target.repo, sha=sha, no_branch="the commit was set by hand")

    def _of_checkout(self, target: Target, *notes: str, warnings: tuple[str, ...] = ()) -> Target:
        """Return *target* at the commit of the checkout, on the branch of the checkout."""
        git = self.git
        if git is None:
            raise UsageError("sha: expected a checkout that has the deployed commit, got none")
        if target.repo and self.here and not _same(self.here, target.repo):
            raise UsageError(
                f"sha: expected a checkout of {target.repo}, got one of {self.here}; name that one in repo"
            )
        if git.sha == target.sha:
            return target
        no_branch = None if git.branch else "the checkout is on none"
        return Target(target.repo, git.sha, git.branch, no_branch, notes=notes, warnings=warnings)

    def _moved(self, target: Target) -> Target:
        """Return *target* at the commit of a checkout that was moved, if the run itself names none."""
        git, resource, start = self.git, self.facts.resource, self.facts.start
        if resource and resource.sha != target.sha and git and resource.sha in git.has:
            note = f"{resource.name} is at {_few(resource.sha)}, the run is of {_few(target.sha)}"
            note += ": that of the resource is reported"
            return Target(target.repo, resource.sha, resource.branch, notes=(note,))
        # For a pull request, platforms check out a merge of their own.
        stays = not target.sha or self.facts.pull or start.elsewhere or not _same(self.here, target.repo)
        if git and not stays and git.sha not in (target.sha, *self.facts.own):
            both = f"the checkout is at {_few(git.sha)}, the run is of {_few(target.sha)}"
            if start.names_commit:
                both += f", which is reported; if the checkout was deployed, set sha to {CHECKOUT}"
                return target._replace(warnings=(both,))
            both += ": that of the checkout is reported"
            if start.names_commit is None:
                both += f"; if the run's was deployed, set sha to {target.sha}"
                return self._of_checkout(target, warnings=(both,))
            return self._of_checkout(target, both)
        if resource and resource.sha != target.sha:
            both = f"{resource.name} is at {_few(resource.sha)}, the run is of {_few(target.sha)}"
            return target._replace(warnings=(f"{both}, which is reported; {resource.remedy}",))
        return target

    def with_git(self, target: Target) -> Target:
        """Fill in missing facts from the checkout: its branch at its commit, its log at the log's commit.

        A whole checkout also knows the commits of runs that failed or were overtaken. A platform knows
        only those of its own run.
        """
        git = self.git
        if git is None:
            return target
        if target.sha is None and (self.here is None or _same(self.here, target.repo)):
            target = target._replace(sha=git.sha)
        if git.sha == target.sha:
            target = target._replace(branch=target.branch or (None if target.no_branch else git.branch))
        if git.logged != target.sha:
            return target
        known = git.commits[: max(_MOST_LANDED, len(target.commits))]
        seen = {entry["sha"] for entry in known}
        if not known or not git.whole:
            known += tuple(entry for entry in target.commits if entry["sha"] not in seen)
        # What a push undid may be of another service; a whole checkout with paths tells.
        told = () if git.whole and any("outside" in entry for entry in known) else target.reverts
        return target._replace(
            commit_time=target.commit_time or git.commit_time,
            commits=known,
            reverts=tuple(dict.fromkeys([*told, *git.reverts_since(target.before)])),
        )

    @property
    def environment(self) -> str | None:
        return self.inputs.environment or self.facts.environment or (PREVIEW if self.facts.pull else None)

    def event(self, target: Target) -> Mapping[str, Any]:
        """Return the checked values of the deploy of *target*, by their wire names."""
        facts, inputs = self.facts, self.inputs
        missing = [
            self._missing(name, target, what)
            for name, value, what in (
                ("repo", target.repo, "the repository, as owner/name"),
                ("sha", target.sha, "the deployed commit"),
            )
            if not value
        ]
        if missing:
            # What a platform lacks has one remedy. A person sets both.
            raise UsageError(*(missing if self.platform is ELSEWHERE else missing[:1]))
        repo, sha = target.repo or "", target.sha or ""
        environment = self.environment
        commits = [self._entry(one) for one in target.commits[:MOST_COMMITS]]
        name = self.platform.full_name
        return DEPLOY.checked(
            {
                "repo": repo,
                "commitSHA": sha,
                "environment": environment,
                "branch": self._branch(target),
                "time": inputs.time or facts.time,
                "id": self._id(repo, sha, environment),
                "service": inputs.service or facts.service,
                "run": f"{name}:{_short(facts.run.id)}" if facts.run else None,
                "attempt": _short(facts.run.attempt) if facts.run and facts.run.attempt else None,
                "reporter": f"step/{name}",
                # The tier belongs to the platform's environment. Another one that was set has none.
                "tier": facts.tier if environment == facts.environment else None,
                "type": inputs.type or facts.type,
                "trigger": RERUN if facts.rerun else facts.start.trigger,
                "url": inputs.url or _page(facts.url),
                "commits": commits or None,
                "commitTime": None if commits or inputs.paths else target.commit_time,
                "fixes": inputs.fixes,
                "reverts": list(target.reverts[:MOST_REVERTS]) or None,
            }
        )

    def _entry(self, commit: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an entry of the list. One that may be of another service has no time, so no lead time."""
        unsure = self.inputs.paths and "outside" not in commit
        return {name: value for name, value in commit.items() if name != "time"} if unsure else commit

    def _branch(self, target: Target) -> str | None:
        if self.inputs.no_branch:
            return None
        # A job may set the branch of its event. For a fork that is not one of the repository's.
        return target.branch if self.inputs.branch in (None, target.foreign) else self.inputs.branch

    def notes(self, target: Target) -> list[str]:
        """Return what is not obvious about the event of *target*: where it comes from, what it lacks."""
        notes = list(target.notes)
        why = self.inputs.no_branch or target.no_branch or target.unsure
        if why and not self._branch(target):
            notes.append(f"no branch: {why}")
        if not self.environment:
            notes.append("environment: none is named, so the deploy counts as production")
        elif not (self.inputs.environment or self.facts.environment):
            notes.append(f"environment: {PREVIEW}, because the job is of {self.facts.pull} and names none")
        if self.inputs.paths and target.commits and all(one.get("outside") for one in target.commits):
            notes.append("paths: no commit of the deploy touches one of them")
        if self.inputs.paths and not any("outside" in one for one in target.commits):
            why = "the checkout is shallow" if self.git and not self.git.whole else "no checkout has them"
            notes.append(f"paths: no lead time, because it is not known which commits touch them: {why}")
        if len(target.commits) > MOST_COMMITS:
            notes.append(f"commits: the newest {MOST_COMMITS} of {len(target.commits)}")
        return notes

    def _missing(self, name: str, target: Target, what: str) -> str:
        return (
            f"{name}: expected {what}, got nothing from {self.platform.title} or git; set it"
            + (f", {self.facts.remedy}" if self.facts.remedy else "")
            + (f" ({'; '.join(target.notes)})" if target.notes else "")
        )

    def _id(self, repo: str, sha: str, environment: str | None) -> str | None:
        platform = self.platform.word
        parts = self.facts.run.parts if self.facts.run else ()
        if self.inputs.id and len(self.inputs.repos) < 2 and len(self.facts.targets) < 2:
            return self.inputs.id
        if self.inputs.id:
            # One id for several events: each event gets its own id, derived from it.
            platform, parts = "id", (self.inputs.id,)
        elif not parts:
            platform, parts = "call", (self.call,) if self.call else ()
        if not parts:
            return None
        return deploy_id(
            platform=platform,
            run=parts[0],
            attempt=parts[1] if len(parts) > 1 else None,
            sha=sha,
            repo=repo,
            environment=environment,
            service=self.inputs.service,
            type=self.inputs.type,
        )


def _same(one: str | None, other: str | None) -> bool:
    """Whether both are the name of one repository. Hosts ignore the case."""
    return bool(one and other and one.lower() == other.lower())


def _few(sha: str | None) -> str:
    return (sha or "")[:7]


def _short(name: str) -> str:
    # Names of jobs in folders may be long. Their ends tell runs apart.
    return name[-_LONGEST_NAME:]


def _page(url: str | None) -> str | None:
    # A wrong address of the platform is left out. It is no reason to fail.
    address = without_users((url or "").strip())
    return address if URL.accepts(address) and not address.endswith("://") else None
