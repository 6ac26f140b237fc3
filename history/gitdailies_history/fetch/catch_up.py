"""Ask a vendor to send again the webhook deliveries that failed, each once, and slowly."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gitdailies_core.errors import DeliveryError, Refused
from gitdailies_core.sources.history import FailedDelivery

from gitdailies_history.fetch.http_api import POST, HttpApi, Query, TokenRefused

# GitHub's "Best practices for using the REST API": a second between requests that change something.
PAUSE_SECONDS = 1.0
# So many in a row without an answer, and the vendor is away.
_MOST_UNANSWERED = 3


@dataclass(frozen=True)
class HttpListing:
    """The listings of an API, as core's protocol of history readers has them."""

    api: HttpApi

    def get(self, path: str, query: Query = ()) -> tuple[Any, Query]:
        answer = self.api.ask(path, query)
        # The query alone: an answer cannot lead the token to another address.
        return answer.content, parse_qsl(urlsplit(answer.next).query)


@dataclass
class CaughtUp:
    """What became of the deliveries that failed: sent again, refused with the reason, or left."""

    sent: list[FailedDelivery] = field(default_factory=list)
    refused: list[tuple[FailedDelivery, str]] = field(default_factory=list)
    left: int = 0
    stopped: str = ""


def send_again(
    api: HttpApi,
    failed: Sequence[FailedDelivery],
    *,
    most: int,
    pause: Callable[[float], None] = time.sleep,
) -> CaughtUp:
    """Ask for at most *most* of the *failed* deliveries, in order; return what was done.

    Raises Refused if the token may not ask for them.
    """
    done, unanswered = CaughtUp(left=len(failed)), 0
    for number, one in enumerate(failed[:most]):
        if number:
            pause(PAUSE_SECONDS)
        try:
            api.ask(one.again, method=POST)
        except TokenRefused:
            raise
        except Refused as error:
            done.refused.append((one, str(error)))
        except DeliveryError as error:
            unanswered += 1
            done.refused.append((one, str(error)))
            if unanswered == _MOST_UNANSWERED:
                done.stopped = str(error)
        else:
            unanswered = 0
            done.sent.append(one)
        done.left = len(failed) - number - 1
        if done.stopped:
            break
    return done
