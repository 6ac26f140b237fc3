"""A step's own inputs: empty values, wrong values, and the receiver of the events."""

import pytest
from gitdailies_core.ci.reporting.settings import Settings, flag
from gitdailies_core.errors import UsageError
from gitdailies_core.events.receivers import DOCUMENTED, OUR_KEY_PREFIX, OURS
from gitdailies_dora.accounts.keys.webhook_key import PREFIX


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["", "<nil>", "false", "False", "0", "no", "off"], False),
        # A checkbox's 1 and True, too.
        (["true", "True", "1", "yes", "on", " true\r\n"], True),
    ],
)
def test_what_a_word_means(words: list[str], meant: bool) -> None:
    """Each of these words means yes or no; nothing at all means no."""
    assert {word: flag({"dry-run": word}, "dry-run") for word in words} == dict.fromkeys(words, meant)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"dry-run": "maybe"}, "dry-run: expected true or false, got 'maybe'"),
        ({"fail-on-error": "maybe"}, "fail-on-error: expected true or false, got 'maybe'"),
        ({"timeout": "soon"}, "timeout: expected a number from 0.1 to 300, got 'soon'"),
        ({"timeout": "nan"}, "timeout: expected a number from 0.1 to 300, got 'nan'"),
        ({"timeout": "0"}, "timeout: expected a number from 0.1 to 300, got '0'"),
        ({"retries": "1.5"}, "retries: expected a whole number from 0 to 10, got '1.5'"),
        ({"retries": "99"}, "retries: expected a whole number from 0 to 10, got '99'"),
        ({"receiver": "theirs"}, "receiver: expected one of documented, ours, got 'theirs'"),
    ],
)
def test_wrong(texts: dict[str, str], complaint: str) -> None:
    """A wrong input is refused by its name."""
    with pytest.raises(UsageError) as raised:
        Settings.make(texts)

    assert str(raised.value) == complaint


def test_defaults() -> None:
    """With no input at all there is a time-out, the time alone limits retries, and nothing is set."""
    settings = Settings.make({})

    assert (settings.timeout_seconds, settings.retries, settings.dry_run) == (10.0, None, False)
    assert (settings.url, bool(settings.key), settings.receiver) == (None, False, DOCUMENTED)


@pytest.mark.parametrize(
    ("texts", "receiver"),
    [
        ({"webhook-key": f"{OUR_KEY_PREFIX}abc"}, OURS),
        ({"webhook-key": "a-key-of-gitdailies"}, DOCUMENTED),
        ({"webhook-key": "a-key-of-gitdailies", "receiver": "ours"}, OURS),
        ({"webhook-key": f"{OUR_KEY_PREFIX}abc", "receiver": "documented"}, DOCUMENTED),
        ({"dry-run": "true"}, OURS),
    ],
)
def test_receiver(texts: dict[str, str], receiver: str) -> None:
    """The key's form decides the receiver, unless a setting names it."""
    assert Settings.make(texts).receiver == receiver


def test_keys_of_our_own_are_known() -> None:
    """The keys that our DORA server makes begin as steps expect of them."""
    assert PREFIX == OUR_KEY_PREFIX


def test_the_key_does_not_show() -> None:
    """The key is in no repr of the settings."""
    assert "planted-77" not in repr(Settings.make({"webhook-key": "planted-77"}))
