"""The permission to send that a sender of CloudEvents asks for with OPTIONS, before its first delivery.

Every sender that names itself gets the permission. Its deliveries still need their proof.
Source: "HTTP 1.1 Web Hooks for Event Delivery", version 1.0.2, section 4.
"""

import re
from collections.abc import Mapping

ASKED = "webhook-request-origin"
ALLOWED = "WebHook-Allowed-Origin"
RATE = "WebHook-Allowed-Rate"
# No rate is too high; what is too much at once is answered 503 or 429.
_ANY_RATE = "*"
# A name in DNS, and what else senders put there: a port, an address in brackets.
ORIGIN = r"[A-Za-z0-9._:\[\]-]{1,255}"
_ORIGIN = re.compile(ORIGIN)


def granted(headers: Mapping[str, str], methods: str) -> tuple[tuple[str, str], ...] | None:
    """Return the headers that give the permission; None for a request that does not ask for it.

    *headers* have names in lower case. *methods* are those that deliver, such as `POST`. OPTIONS itself is
    allowed to who asks.
    """
    origin = headers.get(ASKED, "").strip()
    if not _ORIGIN.fullmatch(origin):
        return None
    return ((ALLOWED, origin), (RATE, _ANY_RATE), ("Allow", f"{methods}, OPTIONS"))
