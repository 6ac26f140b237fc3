"""Repeat a request until its answer is final, or until the retries are used up."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from gitdailies_core import retry

Found = TypeVar("Found")


@dataclass(kw_only=True)
class Attempts:
    """How often a request is repeated. *waits* gets the reason and the seconds of each wait.

    Tests replace *sleep*, *now* and *jitter*.
    """

    retries: int = 8
    waits: Callable[[str, float], None] = lambda reason, seconds: None  # noqa: ARG005
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random

    def repeated(
        self, attempt: Callable[[], tuple[retry.Outcome, Found]]
    ) -> tuple[retry.Verdict, retry.Outcome, Found]:
        """Return the last verdict, with what the attempt returned; Again if the retries are used up."""
        started_at, number = self.now(), 1
        while True:
            outcome, found = attempt()
            verdict = retry.decide(
                outcome,
                attempt=number,
                first_attempt_at=started_at,
                now=self.now(),
                jitter=self.jitter,
                give_up_age_seconds=math.inf,
            )
            if not isinstance(verdict, retry.Again) or number > self.retries:
                return verdict, outcome, found
            seconds = max(0.0, (verdict.at - self.now()).total_seconds())
            self.waits(f"{verdict.reason} (attempt {number} of {self.retries + 1})", seconds)
            self.sleep(seconds)
            number += 1
