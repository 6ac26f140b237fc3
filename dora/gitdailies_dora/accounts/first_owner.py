"""One-time links for owners, made by the server or by a command on its machine."""

from __future__ import annotations

import secrets
from datetime import datetime

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import utc_now

from gitdailies_dora.accounts import people, people_store
from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.sql.database import StoreLocation, existing_database, transaction


def set_up_path(session: Session, now: datetime) -> str | None:
    """Make a link for the first owner and return its path; None if there is an owner.

    Links of earlier starts end, so that no old log holds one that works.
    """
    if people_store.has_owner(session):
        return None
    people_store.end_links_of_server(session)
    token = people.new_token(secrets.token_urlsafe)
    people_store.invite(session, people.hash_of(token), role=people.OWNER, by=None, actor="", now=now)
    return people.JOIN + token


def invite_owner(location: StoreLocation) -> str:
    """Make a link for another owner and return its path; a server may be running on the store."""
    with transaction(existing_database(location)) as session:
        now, token = utc_now(), people.new_token(secrets.token_urlsafe)
        people_store.invite(session, people.hash_of(token), role=people.OWNER, by=None, actor="", now=now)
        write_audit(session, now, actor="", action="person.invited", subject=people.OWNER, detail={})
    return people.JOIN + token
