"""What a person can do about a verdict: a sentence for each word of a reason, "" where nothing is to do."""

from collections.abc import Mapping
from types import MappingProxyType

from gitdailies_dora.figures.history import ancestry, lead_time

_MIRROR = "fetch the mirror of its repository, and push what is not pushed yet"
_WHOLE = 'report from a checkout with the whole history (`fetch-depth: 0`; on GitLab `GIT_DEPTH: "0"`)'
_CAUSE = "on its page, choose the deploy that caused it, or send its commit in causedBy"

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        # It counts.
        "counted": "",
        "failed": "",
        "succeeded": "",
        "recovered": "",
        "remedied": "",
        "rework": "",
        "planned": "",
        "all-services": "set the inputs `service` and `paths` of the CI step",
        "inferred": "if it was planned, say so on its page",
        # The question was about something else.
        "repository": "choose its repository, or all of them",
        "environment": (
            "if it is production, write its name into dora.production, with the names already in it; else "
            "choose that environment to see its figures"
        ),
        "service": "choose its service, or all of them",
        "team": "choose its team, or add its repository to the team in gitdailies.yml",
        "period": "choose a period that includes its time",
        "later": "compare its time with the clock of the machine that sent it",
        "kind": "",
        "behind": "ask again in a moment",
        # The commits of a deploy are not known.
        lead_time.NO_PREDECESSOR: (
            "nothing: the next deploy here that lists its commits has lead times. In a repository of several "
            "services, let each deploy name its service; a runner without Python cannot do that"
        ),
        lead_time.NO_COMMITS: (
            f"name a mirror in dora.mirrors, or {_WHOLE}, by a CI step; "
            "pushes at the relay tell only what came between two deploys, and nothing of an import"
        ),
        lead_time.EARLIER_LISTS_NONE: (
            f"{_WHOLE}, or name a mirror in dora.mirrors, which knows more than 250 new commits, too; where "
            "webhooks report several services, give each workflow a line of `route` with its `service`"
        ),
        lead_time.NO_PATHS: (
            "let it name its service, a webhook by a line of `route` for each workflow, and write the paths "
            "of that under `repositories` in gitdailies.yml: they tell of later pushes alone, and with a "
            "mirror in dora.mirrors of this deploy, too; or report it from the CI step alone, with the "
            "inputs `service` and `paths`, and the whole history (`fetch-depth: 0`; on "
            'GitLab `GIT_DEPTH: "0"`): where a webhook came first, the list stays that it took from pushes'
        ),
        lead_time.LIST_CUT: _WHOLE,
        ancestry.NOT_IN_MIRROR: _MIRROR,
        ancestry.EARLIER_NOT_IN_MIRROR: _MIRROR,
        ancestry.UNREADABLE: "run `gitdailies check`, which looks at the mirror",
        ancestry.TOO_MANY: "",
        "unknown-commits": (
            f"{_WHOLE}: it has each time, and tells a step with `paths` whose the commits are; where one "
            "is later than its deploy, compare the clocks, and the `time` that was set"
        ),
        "nothing-new": "",
        # A deploy or an incident that is not judged, or counts otherwise.
        "pending": "wait until it is settled",
        "failed-pending": "wait until it is settled",
        "repeat": (
            "nothing, if it is one deploy; to count a commit again, set dora.count_same_commit to true in "
            "gitdailies.yml, which counts deploys whose runs differ"
        ),
        "open": "resolve the incident where it was reported; its page has the command that ends it",
        "without-incident": "report the deploy that repaired it, with the type rollback or hotfix",
        "merged": "",
        "later-outage": "",
        "not-failed": "",
        "not-an-incident": "undo the correction on its page, if it is one",
        "window": (
            "on its page, choose the deploy that caused it, or the repository that it belongs to; report the "
            "deploys of its repository and environment, or set a longer dora.window_hours in gitdailies.yml"
        ),
        "other-service": "if that deploy caused it, choose it on the page of the incident",
        "unlinked": _CAUSE,
        "no-cause": "undo the correction on its page, if a deploy did cause it",
        "duplicate": "nothing; the event before it counts",
        "nothing-happened": "send the start, and compare incidentId, repo, environment and service of both",
    }
)
