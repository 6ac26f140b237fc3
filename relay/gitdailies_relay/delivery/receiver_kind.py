"""What kind of receiver there is, and when to ask it again. Pure.

| the answer                        | what follows                                                         |
| --------------------------------- | -------------------------------------------------------------------- |
| it is ours                        | all fields are sent; asked again every five minutes                  |
| it is not, by a document or a 404 | documented fields; asked again every 15 s in the first ten minutes   |
|                                   | after a start, a change from ours, a pause or an open breaker, then  |
|                                   | every five minutes                                                   |
| none, an error or a web page      | nothing is decided; asked again within 15 s                          |

Until an answer was sure, the last sure answer of an earlier run counts, else documented fields are sent.
"""

from gitdailies_core.events.receivers import DOCUMENTED, OURS

SOON_SECONDS = 15.0
SELDOM_SECONDS = 300.0
UNSETTLED_SECONDS = 600.0


class ReceiverKind:
    """What is known about one receiver. Times are seconds on a clock that does not jump back.

    *configured* is what gitdailies.yml says; then nothing is asked. *known* is the last sure answer
    of an earlier run.
    """

    def __init__(self, now: float, *, configured: str | None = None, known: str = "") -> None:
        self._configured = configured
        self._known = known
        self._failures = 0
        # When there was an answer, or none, last.
        self.asked_at: float | None = None
        self._unsettled_until = now + UNSETTLED_SECONDS
        # Whether this run had an answer that was sure.
        self.is_sure = configured is not None

    @property
    def kind(self) -> str:
        """What to send events for: OURS or DOCUMENTED."""
        return self._configured or self._known or DOCUMENTED

    @property
    def is_unknown(self) -> bool:
        """Whether there was never a sure answer."""
        return not (self._configured or self._known)

    def ask_due(self, now: float, *, before_retry: bool = False) -> bool:
        """Whether to ask now. *before_retry*: something is sent that failed before, and none was taken since.

        It may have met something in front of the receiver, so in the first minutes it is always asked.
        """
        if self._configured is not None:
            return False
        if self.asked_at is None:
            return True
        if before_retry and self.kind != OURS and now < self._unsettled_until:
            return True
        return now >= self.asked_at + self._wait(now)

    def answered(self, kind: str, now: float) -> str | None:
        """Note an answer: OURS, DOCUMENTED, or "" where it decides nothing.

        Return what the receiver was taken for before, "" at first, or None where that did not change.
        """
        self.asked_at = now
        if not kind:
            self._failures += 1
            return None
        before = None if kind == self._known else self._known
        self._known, self._failures, self.is_sure = kind, 0, True
        if before == OURS:
            self.unsettle(now)
        return before

    def unsettle(self, now: float) -> None:
        """Ask often for a while: the receiver failed, refused everything or changed."""
        self._unsettled_until = now + UNSETTLED_SECONDS

    def _wait(self, now: float) -> float:
        if self._failures:
            return min(SOON_SECONDS, 2.0 ** min(self._failures - 1, 10))
        if self._known == OURS:
            return SELDOM_SECONDS
        return SOON_SECONDS if now < self._unsettled_until else SELDOM_SECONDS
