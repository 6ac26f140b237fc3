"""The deploys of an outcome that only several rows together show: fixes forward, and how a failure ended."""

from collections.abc import Iterator

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows
from gitdailies_dora.derived.model.columns import TimeSpan, Where, failures, fixes_forward
from gitdailies_dora.events import query
from gitdailies_dora.figures.answers.columns import FailureValues
from gitdailies_dora.figures.history.facts import TIME
from gitdailies_dora.figures.history.settings import FigureSettings

# So many environments are looked through, if none is named.
_MOST = 100


def looked_up(
    session: Session, wanted: query.Wanted, environment: str | None, settings: FigureSettings, now: int
) -> Iterator[str]:
    """Yield the ids of the deploys of a period that only several rows together show."""
    first = query.EARLIEST if wanted.since is None else wanted.since
    span = TimeSpan(first, now if wanted.until is None else min(wanted.until - 1, now))
    repos = [settings.repo(wanted.filters["repo"])] if wanted.filters.get("repo") else []
    for name in (
        rows.environments(session, _MOST) if environment is None else [settings.environment(environment)]
    ):
        where = Where(name, repos)
        if wanted.outcome in (query.REWORK, query.INFERRED):
            yield from fixes_forward(session, where, span, now, settings.renames)
            continue
        for id_, found in failures(session, where, span, now):
            counts = found.evidence != TIME or not settings.by_evidence
            if counts and _recovery(found) == wanted.outcome:
                yield id_


def _recovery(found: FailureValues) -> str:
    if found.recovery is not None:
        return query.RECOVERED
    if found.open:
        return query.STILL_OPEN
    return query.RECOVERY_UNKNOWN if found.remedied_after is None else query.BY_REMEDY
