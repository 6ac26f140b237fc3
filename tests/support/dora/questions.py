"""Questions to a store. A process that answers one imports this module, and no other of the tests."""

import os
import time
from typing import Any

from gitdailies_dora.accounts.keys.key_store import all_keys
from gitdailies_dora.events.problem import refusal


def answer_of_process(session: Any) -> tuple[int, int]:
    return os.getpid(), len(all_keys(session))


def slow(session: Any, seconds: float = 60) -> int:
    all_keys(session)
    time.sleep(seconds)
    return os.getpid()


def wrong(_session: Any) -> None:
    raise KeyError("gdk_secret")


def refused(_session: Any) -> None:
    raise refusal("busy", "being derived", Retry_After="60")


def no_table(session: Any) -> None:
    session.execute("SELECT 1 FROM nothing")
