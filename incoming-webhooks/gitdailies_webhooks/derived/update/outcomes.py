"""What later deploys and incidents can see of a deploy, as its row has it.

As long as the outcome of a deploy stays the same, nothing else has to be derived again because of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.figures.events import Deploy, Place
from gitdailies_webhooks.figures.lead_time import NewCommits
from gitdailies_webhooks.sql.bulk import lookup_many

PlaceKey = tuple[str, str, str]  # repository, environment, service or ""
Order = tuple[int, str]  # time and id of a deploy

_BROUGHT = "+"


class Outcome(NamedTuple):
    """A deploy: where and when it is, what it names, and what it counts as.

    `mentions` are the commits that it lists, with a "+" before those that it brought, and `own_new` is set
    if its own commit is one that it brought; both only if it counts. `reverts` are commits that it undoes.
    """

    id: str
    repo: str
    environment: str
    service: str
    at: int
    sha: str
    exact: str
    run: str
    attempt: str
    reporter: str
    says: str
    counts: bool
    type: str
    own_new: bool
    mentions: str
    reverts: str

    @classmethod
    def of(cls, deploy: Deploy, new: NewCommits | None) -> Outcome:
        """Return the outcome of a deploy that counts, with its new commits, or of a repeat, with None."""
        brought = {commit.sha for commit in new.commits} if new else set()
        listed = dict.fromkeys(commit.sha for commit in deploy.commits or ()) if new else {}
        return cls(
            deploy.id,
            deploy.place.repo,
            deploy.place.environment,
            deploy.place.service or "",
            deploy.at,
            deploy.sha,
            deploy.exact or "",
            deploy.run or "",
            deploy.attempt,
            deploy.reporter or "",
            deploy.says,
            new is not None,
            deploy.type,
            new is not None and new.own,
            " ".join(_BROUGHT + sha if sha in brought else sha for sha in listed),
            " ".join(dict.fromkeys(deploy.reverts)) if new else "",
        )

    @property
    def place(self) -> PlaceKey:
        return (self.repo, self.environment, self.service)

    @property
    def order(self) -> Order:
        return (self.at, self.id)

    @property
    def key(self) -> tuple[PlaceKey, Order]:
        return (self.place, self.order)

    @property
    def listed(self) -> dict[str, bool]:
        """By each commit that it lists, whether it brought it."""
        return {sha.removeprefix(_BROUGHT): sha.startswith(_BROUGHT) for sha in self.mentions.split()}

    @property
    def commits(self) -> dict[str, bool]:
        """By each commit that was there from it on, whether it brought it; nothing for a repeat."""
        if not self.counts:
            return {}
        listed = self.listed
        return {**listed, self.sha: self.own_new or listed.get(self.sha, False)}

    def to_deploy(self) -> Deploy:
        """Return the deploy without its commits."""
        place = Place(self.repo, self.environment, self.service or None)
        return Deploy(
            self.id,
            self.at,
            place,
            self.sha,
            self.type,
            None,
            None,
            says=self.says,
            exact=self.exact or None,
            run=self.run or None,
            attempt=self.attempt,
            reporter=self.reporter or None,
        )


class Change(NamedTuple):
    """The outcome of a deploy before and after it was derived again; None where it has none."""

    old: Outcome | None
    new: Outcome | None

    @property
    def sides(self) -> tuple[Outcome, ...]:
        return tuple(filter(None, self))


def place_key(place: Place) -> PlaceKey:
    """Return a place as rows hold it."""
    return (place.repo, place.environment, place.service or "")


def read_outcomes(session: Session, ids: Iterable[str]) -> dict[str, Outcome]:
    """Return the stored outcomes of deploys by id."""
    rows = [(id_,) for id_ in sorted(set(ids))]
    found = {}
    for row in lookup_many(session, "id", rows, statements.DEPLOYS_BY_ID):
        stored = Outcome._make(row)
        found[stored.id] = stored._replace(counts=bool(stored.counts), own_new=bool(stored.own_new))
    return found
