"""The one-time link by which the first owner gets in: whoever starts the server sees it, nobody else."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import datetime
from pathlib import Path

from gitdailies_server.moments import utc_now

from gitdailies_webhooks import membership, people
from gitdailies_webhooks.audit import write_audit
from gitdailies_webhooks.keyring import transaction


def set_up_path(connection: sqlite3.Connection, now: datetime) -> str | None:
    """Make a link, as the path behind the server's address; None where there is an owner."""
    if membership.has_owner(connection):
        return None
    token = people.new_token(secrets.token_urlsafe)
    membership.invite(connection, people.hash_of(token), role=people.OWNER, by=None, actor="", now=now)
    return people.JOIN + token


def invite_owner(path: Path) -> str:
    """Make a link for another owner in the store *path*, also beside a running server."""
    with transaction(path) as connection:
        now, token = utc_now(), people.new_token(secrets.token_urlsafe)
        membership.invite(connection, people.hash_of(token), role=people.OWNER, by=None, actor="", now=now)
        write_audit(connection, now, actor="", action="person.invited", subject=people.OWNER, detail={})
    return people.JOIN + token
