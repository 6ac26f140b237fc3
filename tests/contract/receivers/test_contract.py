"""The published document against the running receiver: whatever it allows is answered as it says.

GITDAILIES_CONTRACT_EXAMPLES says how many requests an operation gets in the long form.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import schemathesis
from gitdailies_core.events.events import KINDS as EVENT_KINDS
from gitdailies_core.values.times import parse
from gitdailies_dora.accounts.rate_limit import Rate
from gitdailies_dora.api import access
from gitdailies_server.storage.database import Database
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.support.databases import KINDS
from tests.support.dora.running import in_thread
from tests.support.forms import short_and_long

# Any other name may be near to one of these, or the name of another kind.
RIGHT_NAMES = frozenset({"sha", "receivedAt"}).union(*(kind.names for kind in EVENT_KINDS))


IN_WORDS = frozenset({"from", "to", "now", "after", "week"})


@pytest.mark.matrix(by=("examples",))
@short_and_long(
    "examples", "GITDAILIES_CONTRACT_EXAMPLES", short=3, long=60, seconds=lambda given: 300 + given * 6
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_document_holds_whatever_is_sent(
    kind: str, examples: int, database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests generated from the document, right and wrong ones, pass every check of schemathesis."""
    monkeypatch.setattr(access, "KEYS", Rate(10**6, 1.0))  # many of these requests have wrong keys
    statuses: set[int] = set()
    with in_thread(database()) as receiver, requests.Session() as session:
        headers = {"webhook-key": receiver.key("all", "send", "read", "delete", "correct")}
        schema = schemathesis.openapi.from_url(receiver.url + "/openapi.json")
        # A list is taken one by one: 207 refuses what is wrong in it.
        schema.config.checks.negative_data_rejection.expected_statuses += ["207", "413"]
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]

        def answered(case: Case) -> None:
            response = case.call(session=session, headers=headers, timeout=30)
            statuses.add(response.status_code)
            assert response.status_code < 500, response.text
            # Moments and cursors are described in words: wrong ones are 400.
            left_out: list[Any] = [positive_data_acceptance] if _in_words(case) else []
            if _lost_on_the_way(case, response.request.url):
                left_out.append(negative_data_rejection)
            case.validate_response(response, headers=headers, excluded_checks=left_out)

        for operation in operations:
            takes = (operation.body, operation.query, operation.headers, operation.path_parameters)
            for mode in GenerationMode:
                if mode is GenerationMode.NEGATIVE and not any(takes):
                    continue  # what takes nothing cannot be given anything wrong
                _generated(operation.as_strategy(generation_mode=mode), mode, examples, answered)
    assert len(operations) >= 5
    assert {200, 202, 400, 401, 404} <= statuses


def _generated(
    strategy: SearchStrategy[Case], mode: GenerationMode, examples: int, answered: Callable[[Case], None]
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 100,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def holds(case: Case) -> None:
        assume(mode is GenerationMode.NEGATIVE or not _beyond_schema(case))
        answered(case)

    holds()


def _beyond_schema(case: Case) -> bool:
    """Whether a request to send events is wrong by what the document says in words alone.

    That is the id twice, an extreme time, a name that is nearly that of a field, an address as repository.
    """
    if case.operation.path != "/webhooks":
        return False
    events = case.body if isinstance(case.body, list) else [case.body]
    given = [event for event in events if isinstance(event, dict)]
    named = "Idempotency-Key" in (case.headers or {})
    twice = named and (isinstance(case.body, list) or any(event.get("id") for event in given))
    return twice or any(_refused_in_words(event) for event in given)


def _refused_in_words(event: dict[str, Any]) -> bool:
    commits = event.get("commits") if isinstance(event.get("commits"), list) else []
    named = [commit for commit in commits if isinstance(commit, dict)]
    moments = [event.get("commitTime"), *(commit.get("time") for commit in named)]
    return (
        _outside(event.get("time"), 2000, datetime.now(UTC))
        or any(_outside(moment, 1970, datetime(2200, 1, 1, tzinfo=UTC)) for moment in moments)
        or bool({*event, *(name for commit in named for name in commit)} - RIGHT_NAMES)
        or bool({":", "@"} & set(str(event.get("repo")).partition("/")[0]))
    )


def _in_words(case: Case) -> bool:
    """Whether the operation takes a parameter whose form no schema says."""
    return not IN_WORDS.isdisjoint(parameter.name for parameter in case.operation.query)


def _lost_on_the_way(case: Case, url: str) -> bool:
    """Whether a generated parameter has no form in a URL, as an empty list. No one can refuse it then."""
    sent = parse_qs(urlsplit(url).query, keep_blank_values=True)
    return not set(case.query or ()) <= set(sent)


def _outside(time: Any, first_year: int, end: datetime) -> bool:
    try:
        return not datetime(first_year, 1, 1, tzinfo=UTC) <= parse(time, "time") < end
    except ValueError:
        return False
