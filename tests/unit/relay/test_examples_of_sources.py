"""Examples that a relay sends to itself: each source's own, with new ids, and for no real repository."""

import random
from datetime import UTC, datetime
from functools import cache

import pytest
from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.errors import UsageError
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import Change, Option
from gitdailies_core.values.deploy_target import EXAMPLE
from gitdailies_core.values.secret import Secret
from gitdailies_relay.accepting.interpret import interpret
from gitdailies_relay.api.examples import fresh_example, freshened
from gitdailies_relay.intake.marked_examples import HEADER, as_example, is_example, marked
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def source_of(name: str) -> Source:
    options: dict[str, Option] = dict(registry.adapter(name).options)
    return Source(name, name, (), options={key: option.values[0] for key, option in options.items()})


@cache
def able() -> list[str]:
    found: list[str] = []
    for name in sorted(registry.installed()):
        try:
            fresh_example(source_of(name), random.choice)
        except UsageError:
            continue
        found.append(name)
    return found


@pytest.mark.parametrize("name", able())
def test_an_example_counts_for_the_example_repository_alone(name: str) -> None:
    """Whatever an example names, it counts for one repository and one environment of examples."""
    source, routes = as_example(source_of(name))
    request, _ = fresh_example(source, random.Random(7).choice)
    found = interpret(request, source, registry.adapter(name), routes, "the test")
    routed = found.messages
    places = [
        place
        for one in routed
        for place in ([one.place] if isinstance(one.message, Deploy) else list(one.targets))
    ]
    assert places
    assert {place and place[:2] for place in places} == {EXAMPLE[:2]}
    assert [one.refusal for one in routed if one.refusal] == []
    subjects = [one.subject for one in marked(found, NOW).messages if isinstance(one.message, Deploy)]
    assert set(subjects) <= {f"{EXAMPLE.repo} {EXAMPLE.environment}"}, (
        "the heading of the page has no real name"
    )


# What tells these apart is in base64, or a number that is too short to be replaced wherever it is.
ALWAYS_THE_SAME = {"gcp", "github-issues", "grafana-incident", "gitlab-incidents"}


@pytest.mark.parametrize("name", [name for name in able() if name not in ALWAYS_THE_SAME])
def test_each_example_is_a_new_one(name: str) -> None:
    """Two examples of a source are about two incidents or two deploys, so that no second one is a repeat."""
    source, choose = source_of(name), random.Random(7).choice

    def about() -> set[str]:
        request, _ = fresh_example(source, choose)
        messages = registry.adapter(name).translate(request, source.options)
        counting = (one for one in messages if isinstance(one, Change | Deploy))
        return {one.incident if isinstance(one, Change) else f"{one.sha} {one.run}" for one in counting}

    assert about().isdisjoint(about())


def test_most_sources_have_an_example() -> None:
    """At least two in three sources have an example that counts by itself."""
    assert 3 * len(able()) >= 2 * len(registry.installed())
    assert {"pagerduty", "datadog", "squadcast", "github"} <= set(able())


@given(
    st.text("abcDEF019-_/ :", max_size=30).map(lambda text: f"a1B2c3{text}"),
    st.randoms(use_true_random=False),
)
def test_new_ids_have_the_form_of_the_old_ones(text: str, chosen: random.Random) -> None:
    """Only digits and letters change, each to one of its kind, and no text becomes longer or shorter."""
    (fresh,) = freshened([f"[{text}]"], [text], chosen.choice)
    assert len(fresh) == len(text) + 2
    for before, after in zip(f"[{text}]", fresh, strict=True):
        assert (before.isdigit(), before.isupper(), before.islower()) == (
            after.isdigit(),
            after.isupper(),
            after.islower(),
        )
        assert before == after or before.isalnum()


def test_an_id_with_a_short_number_gets_a_long_one() -> None:
    """A short number alone would be found in other places, too, so it is replaced with the whole id."""
    (fresh,) = freshened(["INC-347, and 347"], ["INC-347"], lambda characters: characters[0])
    assert fresh == "INC-100000000, and 347"


def test_only_the_token_of_this_process_makes_an_example() -> None:
    """With another token, or none, it is an ordinary delivery."""
    token = Secret("right", "the test")
    assert is_example({HEADER: "right"}, token)
    assert not is_example({HEADER: "wrong"}, token)
    assert not is_example({}, token)


def test_a_mapping_of_ones_own_has_no_example() -> None:
    """A tool that is described in gitdailies.yml has no example, and the error says what to do."""
    given_mapping = {
        "state": "status",
        "states": {"open": "started"},
        "incident": "id",
        "started_at": "received",
        "proof": {"token": {"header": "X-T"}},
    }
    pack = registry.compile_source("own", mapping=given_mapping)
    with pytest.raises(UsageError, match="have the tool send a test"):
        fresh_example(Source("own", "own", (), pack=pack), random.choice)
