"""A stranger's adapter, as a vendor might ship it; its first version cannot read the newer bodies."""

from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Service
from gitdailies_core.sources.signatures import verify_shared_token

READS = ("1",)
TABLE = {"opened": STARTED, "done": RESOLVED}
NOTHING = {}


class OpsDesk:
    name = "opsdesk"
    table = TABLE
    options = NOTHING
    examples = "opsdesk"

    def verify(self, request, secrets, settings):
        verify_shared_token(request, secrets, header=settings.header or "x-opsdesk")

    def translate(self, request, options):
        body = Fields(request.json())
        version = body.text("version")
        if version not in READS:
            raise PayloadError(f"version: expected one of {', '.join(READS)}, got '{version}'")
        word = body.text("word")
        return (
            Change.make(
                state=TABLE[word],
                word=word,
                incident=body.text("case"),
                at=body.time("at"),
                services=[Service(body.text("service"))],
            ),
        )


adapter = OpsDesk()
