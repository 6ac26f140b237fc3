"""What the figures of a scan rest on, and what they cannot know: a sentence for each fact. Pure."""

from collections.abc import Iterator, Mapping

from gitdailies_core.events.field_types import MOST_COMMITS

from gitdailies_cli.commands.scan.deploys import Chosen

# In the order in which a reader needs them. A fact that is 0 or "" has no sentence.
_SENTENCES = {
    "guessed": "no tag looks like a version, so the branch is taken; name the deploys with --deploys",
    "branch": (
        "deploys: each push to {!a}, at the time of its commit or merge, because git keeps no deploys; a"
        " commit made directly on the branch has no lead time"
    ),
    "tags": "deploys: tags of {:,} releases; git knows a release, not when it reached users",
    "light": (
        "lightweight tags among them: {:,}; such a tag has no time, so the time of its commit counts: lead"
        " times are at least those shown, and the tagged commit has none"
    ),
    "services": (
        "the tags are of several services ({}), and git does not know which service a commit belongs to, so"
        " lead times are unknown; choose one with --deploys 'tags:NAME*': lead times then cover all commits"
    ),
    "last": "no deploys in the period, the last one was at {}: choose an earlier --since",
    "alone": (
        "incidents: none given, so recovery time is unknown, and only reverts, hotfixes and rollbacks count"
        " as failures and rework: both rates are at least those shown, or unknown if none was found; add"
        " --incidents FILE"
    ),
    "shallow": "the clone is shallow, so lead times and reverts are unknown; run git fetch --unshallow",
    "ahead": "left out: deploys with a time in the future, or with none: {:,}",
    "outside": "left out: events of other repositories: {:,}",
    "missing": "deploys of commits that are not here, whose lead time is therefore unknown: {:,}",
    "long": (
        f"deploys with more than {MOST_COMMITS:,} commits, whose lead time is therefore unknown: {{:,}}; a"
        " server knows it if it has the repository under dora.mirrors"
    ),
}


def notes(facts: Mapping[str, int | str]) -> Iterator[str]:
    """Yield the sentences of facts, by their names above. Other names are reasons why tags are left out."""
    for name, sentence in _SENTENCES.items():
        if facts.get(name):
            yield sentence.format(facts[name])
    for reason in sorted(facts.keys() - _SENTENCES):
        yield f"left out: tags {reason}: {facts[reason]:,}"


def of_tags(chosen: Chosen) -> dict[str, int | str]:
    """Return the facts about tags."""
    tags = [tag for of_name in chosen.tags.values() for tag in of_name]
    names = ", ".join(sorted(name or "no name" for name in chosen.tags))
    light = sum(not tag.made for tag in tags)
    services = names if len(chosen.tags) > 1 else ""
    return {"tags": len(tags), "light": light, "services": services, **chosen.left_out}
