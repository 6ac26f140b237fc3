"""The one-time link by which the first owner gets in: whoever starts the server sees it, nobody else."""

from __future__ import annotations

import secrets
from datetime import datetime

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import utc_now

from gitdailies_webhooks.accounts import people, people_store
from gitdailies_webhooks.accounts.audit import write_audit
from gitdailies_webhooks.sql.database import Where, existing, transaction


def set_up_path(session: Session, now: datetime) -> str | None:
    """Make a link, as the path behind the server's address; None where there is an owner."""
    if people_store.has_owner(session):
        return None
    token = people.new_token(secrets.token_urlsafe)
    people_store.invite(session, people.hash_of(token), role=people.OWNER, by=None, actor="", now=now)
    return people.JOIN + token


def invite_owner(where: Where) -> str:
    """Make a link for another owner in a store, also beside a running server."""
    with transaction(existing(where)) as session:
        now, token = utc_now(), people.new_token(secrets.token_urlsafe)
        people_store.invite(session, people.hash_of(token), role=people.OWNER, by=None, actor="", now=now)
        write_audit(session, now, actor="", action="person.invited", subject=people.OWNER, detail={})
    return people.JOIN + token
