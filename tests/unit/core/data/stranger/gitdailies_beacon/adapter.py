"""Beacon's webhooks: a lamp is lit, dimmed or put out."""

from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_core import (
    OTHER,
    RESOLVED,
    STARTED,
    STATES,
    UNKNOWN_TYPE,
    Change,
    Code,
    Fields,
    Ignored,
    Message,
    Option,
    ProofSettings,
    Request,
    Secret,
    Service,
    verify_shared_token,
)

TABLE = {
    "lamp.lit": STARTED,
    "lamp.out": RESOLVED,
    "lamp.dimmed": "a lamp that is dimmed still burns",
}


class Beacon:
    name = "beacon"
    table: Mapping[str, str] = TABLE
    options: Mapping[str, Option] = {}
    examples = "gitdailies_beacon"

    def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
        verify_shared_token(request, secrets, header=settings.header)

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:
        data = Fields(request.json())
        word = data.text("word")
        meaning = TABLE.get(word, "not in the table of Beacon's words")
        if meaning not in STATES:
            code: Code = OTHER if word in TABLE else UNKNOWN_TYPE
            return (Ignored(meaning, word, code=code),)
        return (
            Change(
                state=meaning,
                word=word,
                incident=data.text("id"),
                at=data.time("at"),
                services=[Service(data.text("tower"))],
                title=data.optional_text("title"),
            ),
        )


adapter = Beacon()
