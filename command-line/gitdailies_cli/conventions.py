"""Exit codes of commands that send, and the variables that name the receiver and its key."""

from __future__ import annotations

DONE, NOT_DELIVERED, REFUSED, PARTLY = 0, 1, 3, 4
URL_VARIABLE = "GITDAILIES_WEBHOOK_URL"
KEY_VARIABLE = "GITDAILIES_WEBHOOK_KEY"
