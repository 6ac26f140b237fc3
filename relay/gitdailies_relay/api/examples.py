"""An example of a source: a delivery of its adapter that counts, with ids that no delivery had before.

It is sent to the relay's own socket, proved as the tool would, and marked.
"""

import re
import secrets as random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from gitdailies_connection.config.sections.settings import Source
from gitdailies_connection.config.sections.sources import adapter_of
from gitdailies_connection.http.bounded_client import ask
from gitdailies_core import errors
from gitdailies_core.contract import checks
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import STARTED, Adapter, Change, Message
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.signatures import sign
from gitdailies_core.values.secret import Secret

from gitdailies_relay.intake.marked_examples import HEADER

# Part of an id: a word has no digit, and the end of a time is none.
_PART = re.compile(r"(?=[A-Za-z]*[0-9])(?![0-9]+Z\b)[A-Za-z0-9]{6,}")
# The number of a short id.
_NUMBER = re.compile(r"[0-9]+")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_SECONDS = 10.0


def send_example(
    address: str, source: Source, secrets: Sequence[Secret], token: Secret, now: datetime
) -> tuple[str, bool]:
    """Send an example of *source* to the relay at *address*.

    Returns the delivery that it became, and whether it started an incident, which then has to end. Raises
    UsageError with the reason if no example can be made, or if the relay does not take it. It waits for the
    answer, so it is for a thread.
    """
    if not secrets:
        raise errors.UsageError(f"{source.name}: it has no secret; have the tool send a test")
    request, starts = fresh_example(source, random.choice)
    try:
        proof = sign(adapter_of(source), request.body, secrets[0], source.proof, now)
    except errors.ConfigurationError as error:
        raise errors.UsageError(str(error)) from None
    headers = {**request.headers, **proof.headers, HEADER: token.reveal()}
    query = urlencode({**request.query, **proof.query})
    path = f"/hooks/{quote(source.name, safe='')}" + (f"?{query}" if query else "")
    try:
        answer = ask("POST", address + path, headers, request.body, seconds=_SECONDS)
        said = answer.json()
    except (errors.DeliveryError, errors.UnreadableBody) as error:
        raise errors.UsageError(f"{source.name}: the relay did not take its own example: {error}") from None
    delivery = said.get("delivery") if isinstance(said, dict) else None
    if answer.status == 401:
        raise errors.UsageError(f"{source.name}: the relay refuses its own example: the proof is wrong")
    if not isinstance(delivery, str):
        raise errors.UsageError(f"{source.name}: the relay answered its own example with {answer.status}")
    return delivery, starts


def fresh_example(source: Source, choose: Callable[[str], str]) -> tuple[Request, bool]:
    """Return an example of *source*, without its proof, and whether it starts an incident.

    *choose* picks one of some characters at random, like `secrets.choice`. Raises UsageError for a
    source that has no example that counts.
    """
    adapter = adapter_of(source)
    if not adapter.examples:
        raise errors.UsageError(
            f"{source.name}: a mapping or a pack of your own has no example; have the tool send a test"
        )
    try:
        examples = checks.examples(adapter)
    except errors.ConfigurationError as error:
        raise errors.UsageError(f"{source.name}: its examples cannot be read: {error}") from None
    for example in examples:
        counted = _counted(adapter, source, example.request)
        if counted:
            starts = any(isinstance(one, Change) for one in counted)
            fresh = _freshened(example.request, list(_ids(counted)), choose)
            return (fresh if _counted(adapter, source, fresh) else example.request), starts
    raise errors.UsageError(
        f"{source.name}: none of its examples counts by itself; have the tool send a test"
    )


def _freshened(request: Request, ids: Sequence[str], choose: Callable[[str], str]) -> Request:
    """Return a request with other ids."""
    text = request.body.decode("utf-8", "surrogateescape")
    # In the headers, too: some tools tell there what a delivery is about.
    texts = freshened([text, *request.headers.values()], ids, choose)
    headers = dict(zip(request.headers, texts[1:], strict=True))
    return request._replace(body=texts[0].encode("utf-8", "surrogateescape"), headers=headers)


def freshened(texts: Sequence[str], ids: Sequence[str], choose: Callable[[str], str]) -> list[str]:
    """Return *texts* with other ids in the place of *ids*, the same in all.

    Digits and letters take the places of digits and letters. An id with a short number gets a long one.
    """
    wanted: dict[str, str] = {}
    for id_ in ids:
        parts = _PART.findall(id_)
        wanted.update((part, _alike(part, choose)) for part in parts)
        if not parts and len(id_) > 2:
            wanted[id_] = _NUMBER.sub(lambda _: _alike("1" * 9, choose), id_)
    found = list(texts)
    for part in sorted(wanted, key=len, reverse=True):
        found = [text.replace(part, wanted[part]) for text in found]
    return found


def _alike(part: str, choose: Callable[[str], str]) -> str:
    """Return a text of the same form: digits for digits, and letters for letters of the same kind."""
    letters = "abcdef" if _HEXADECIMAL.issuperset(part) else "abcdefghijklmnopqrstuvwxyz"
    made = []
    for index, character in enumerate(part):
        if character.isdigit():
            # A number does not begin with 0.
            made.append(choose("123456789" if index == 0 else "0123456789"))
        else:
            made.append(choose(letters.upper() if character.isupper() else letters))
    return "".join(made)


def _counted(adapter: Adapter, source: Source, request: Request) -> list[Change | Deploy]:
    """Return the messages of an example if all of them count: starts and deploys, and nothing else."""
    try:
        messages: Sequence[Message] = adapter.translate(request, source.options)
    except errors.GitDailiesError:
        return []
    counted = [one for one in messages if _counts(one)]
    return counted if len(counted) == len(messages) else []  # type: ignore[return-value]


def _counts(message: Message) -> bool:
    if isinstance(message, Deploy):
        return not message.gitops
    return isinstance(message, Change) and message.state == STARTED


def _ids(messages: Sequence[Change | Deploy]) -> Iterator[str]:
    for message in messages:
        yield message.key
        if isinstance(message, Deploy):
            yield from (message.sha, message.run, message.deployment)
        else:
            yield message.incident
