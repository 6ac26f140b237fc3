"""Find out which deploys a job made. A fact comes from an input, the event payload, a variable or git.

The first of these that has the fact is used. A missing fact is an error. All values are arguments,
so the same job gives the same bytes when it runs again. A platform's own file reads its variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitdailies_core.ci.facts import FAILED, SUCCEEDED, Deploys, Facts, Skipped, Target, Variables, repo_of
from gitdailies_core.ci.git_facts import GitFacts
from gitdailies_core.ci.input_forms import Repository
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.field_types import MOST_COMMITS, MOST_REVERTS, URL
from gitdailies_core.events.ids import deploy_id

# From a checkout, enough for the runs that failed since the last deploy. The receiver drops what earlier
# deploys brought.
USUAL_COMMITS = 250
# A job of an open pull or merge request deploys to no environment that users see.
PREVIEW = "preview"
_ELSEWHERE = "other"
_LONGEST_NAME = 200

_NOTHING = Facts()


def resolve(
    platform: Platform | None,
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    git: GitFacts | None = None,
    call: str = "",
) -> Deploys | Skipped:
    """Find out which deploys the job made, or why it made none.

    *event* is the parsed payload that GitHub Actions keeps at GITHUB_EVENT_PATH. *call* names
    this call if the platform has no run id, so its retries count once. Raises UsageError that
    names the input to set, and InvalidEvent if an event cannot hold a value.
    """
    facts = platform.read(Variables(environ), event) if platform else _NOTHING
    unwanted = _unwanted(facts, inputs.status)
    if unwanted:
        return Skipped(unwanted)
    job = _Job(platform, facts, inputs, git, call)
    targets = [job.with_git(target) for target in job.chosen()]
    events = {(target.repo, target.sha): job.event(target) for target in targets}
    return Deploys(
        platform=platform.word if platform else "",
        events=tuple(events.values()),
        notes=tuple(dict.fromkeys(note for target in targets for note in job.notes(target))),
    )


def _unwanted(facts: Facts, status: str | None) -> str | None:
    """Return why there is nothing to report. A *status* that was set by hand overrides the platform's."""
    if status:
        word = status.lower()
        return f"status is {word}" if word in FAILED else None
    word = (facts.status or "success").lower()
    if word not in SUCCEEDED:
        return f"{facts.status_of} did not succeed ({'exit status ' if word.isdigit() else ''}{word})"
    return facts.skip


@dataclass(frozen=True)
class _Job:
    """The facts about the job, and the steps from them to its events."""

    platform: Platform | None
    facts: Facts
    inputs: Inputs
    git: GitFacts | None
    call: str

    @property
    def title(self) -> str:
        return self.platform.title if self.platform else "the environment"

    def chosen(self) -> list[Target]:
        """Return the repositories that the inputs name, each at its commit, or all of the job's own."""
        here = repo_of(self.git.remote) if self.git else None
        own = [t if t.repo else t.but(repo=here) for t in self.facts.targets]
        if self.inputs.repos:
            return [self._named(repository, own) for repository in self.inputs.repos]
        if self.inputs.sha and len(own) > 1:
            paths = ", ".join(target.repo or "?" for target in own)
            raise UsageError(
                f"sha: expected none for {len(own)} repositories ({paths}), got one; name each as PATH@SHA"
            )
        return [_at(target, self.inputs.sha) for target in own]

    def _named(self, repository: Repository, own: list[Target]) -> Target:
        path, sha = repository.path, repository.sha or self.inputs.sha
        target = next((t for t in own if (t.repo or "").lower() == path.lower()), None)
        if target is None and len(self.inputs.repos) == 1 and len(own) == 1 and not repository.sha:
            # The same commits under another name, such as that of a mirror.
            target = own[0]
        if target is None and sha is None:
            known = ", ".join(t.repo for t in own if t.repo) or "no repository"
            raise UsageError(
                f"repo: expected {path}@SHA, got no commit: {self.title} has the commit of {known} only"
            )
        return _at(target or Target(), sha).but(repo=path)

    def with_git(self, target: Target) -> Target:
        """Fill in missing facts from the checkout if it is at the same commit.

        A whole checkout also knows the commits of runs that failed or were overtaken. A platform knows
        only those of its own run.
        """
        git = self.git
        if git is None or not git.sha.startswith(target.sha or ""):
            return target
        most = max(USUAL_COMMITS, len(target.commits))
        return target.but(
            sha=git.sha,
            branch=target.branch or (None if target.no_branch else git.branch),
            commit_time=target.commit_time or git.commit_time,
            commits=git.commits[:most] or target.commits,
            reverts=tuple(dict.fromkeys([*target.reverts, *git.reverts_since(target.before)])),
        )

    @property
    def environment(self) -> str | None:
        return self.inputs.environment or self.facts.environment or (PREVIEW if self.facts.pull else None)

    def event(self, target: Target) -> Event:
        """Return the event of *target*."""
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
            raise UsageError(*(missing[:1] if self.platform else missing))
        repo, sha = target.repo or "", target.sha or ""
        environment = self.environment
        commits = list(target.commits[:MOST_COMMITS])
        name = self.platform.full_name if self.platform else _ELSEWHERE
        return Event.make(
            DEPLOYED,
            repo=repo,
            commitSHA=sha,
            environment=environment,
            branch=self._branch(target),
            time=inputs.time or facts.time,
            id=self._id(repo, sha, environment),
            service=inputs.service,
            run=f"{name}:{_short(facts.run.id)}" if facts.run else None,
            attempt=_short(facts.run.attempt) if facts.run and facts.run.attempt else None,
            reporter=f"step/{name}",
            # It is known of the platform's environment, not of another one that was set.
            tier=facts.tier if environment == facts.environment else None,
            type=inputs.type,
            url=inputs.url or _shown(facts.url),
            commits=commits or None,
            commitTime=None if commits else target.commit_time,
            fixes=inputs.fixes,
            reverts=list(target.reverts[:MOST_REVERTS]) or None,
        )

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
        if len(target.commits) > MOST_COMMITS:
            notes.append(f"commits: the newest {MOST_COMMITS} of {len(target.commits)}")
        return notes

    def _missing(self, name: str, target: Target, what: str) -> str:
        return (
            f"{name}: expected {what}, got nothing from {self.title} or git; set it"
            + (f", {self.facts.remedy}" if self.facts.remedy else "")
            + (f" ({'; '.join(target.notes)})" if target.notes else "")
        )

    def _id(self, repo: str, sha: str, environment: str | None) -> str | None:
        platform = self.platform.word if self.platform else ""
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


def _at(target: Target, sha: str | None) -> Target:
    # The branch and the commits belong to the platform's commit. For another one they are unknown.
    if sha in (None, target.sha):
        return target
    if target.sha is None:
        return target.but(sha=sha, notes=())
    return Target(repo=target.repo, sha=sha, no_branch="the commit was set by hand")


def _short(name: str) -> str:
    # Names of jobs in folders may be long. Their ends tell runs apart.
    return name[-_LONGEST_NAME:]


def _shown(url: str | None) -> str | None:
    # A wrong address of the platform is left out. It is no reason to fail.
    address = (url or "").strip()
    if "@" in address:
        from gitdailies_core.ci.userinfo import without_users

        address = without_users(address)
    return address if URL.accepts(address) and not address.endswith("://") else None
