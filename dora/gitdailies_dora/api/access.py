"""The key of a request: who may read, send, correct and delete. Wrong keys are limited by address."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from gitdailies_core.error_text import got
from gitdailies_core.errors import DeliveryError, StoreUnavailable
from gitdailies_core.events.events import Event
from gitdailies_core.events.receivers import KEY_HEADER
from gitdailies_core.values.renames import folded
from starlette.requests import Request

from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.accounts.keys.key_store import keyless
from gitdailies_dora.accounts.keys.webhook_key import Key, without_keys
from gitdailies_dora.accounts.rate_limit import KEYS, FailureLimit, network_of
from gitdailies_dora.accounts.single_sign_on.account import SignInRefused
from gitdailies_dora.api.json_bodies import query_of
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import Problem, Refusal, refusal
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings, exact_environment
from gitdailies_dora.operations.installation import Installation

Value = TypeVar("Value")
_DEPLOYS_ONLY = "a job may only report deploys with its ID token; send a key for anything else"


class KeyAccess:
    """Finds the valid key of a request."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._failures = FailureLimit(KEYS)

    async def key_that_reads(self, request: Request) -> Key:
        """Return the key of a request that reads, and record its use; raises Refusal."""
        key = await self.of(request)
        if keys.READ not in key.allow:
            raise lacking(key, keys.READ)
        with suppress(StoreUnavailable):  # reading works while the disk is full
            await self._here.store.mark_key_used(key, self._here.clock())
        return key

    async def key_that_corrects(self, request: Request) -> Key:
        """Return the key of a request that corrects, and record its use; raises Refusal.

        Such a request has no parameters.
        """
        query.refuse_parameters(query_of(request))
        key = await self.of(request)
        if keys.CORRECT not in key.allow:
            raise lacking(key, keys.CORRECT)
        await self._here.store.mark_key_used(key, self._here.clock())
        return key

    async def write(self, key: Key, work: Callable[..., Value], **given: Any) -> Value:
        """Have *work* write what a request with *key* asks for, and return what it returns."""
        work = partial(work, **given, actor=key.name, now=self._here.clock())
        return await self._here.store.write(work)

    async def of(self, request: Request) -> Key:
        """Return the valid key of a request; raises Refusal.

        Requests without a valid key are limited by address. Requests with a valid key never are.
        """
        try:
            return await self._valid_key(request)
        except Refusal as wrong:
            if wrong.problem.status >= 500:
                raise
            address = network_of("" if request.client is None else request.client.host)
            tick = time.monotonic()
            if wait := self._failures.wait_seconds(address, tick):
                raise refusal(
                    "too-many",
                    "too many requests without a valid key from this address",
                    Retry_After=str(math.ceil(wait)),
                ) from None
            self._failures.record(address, tick)
            self._here.unknown_keys.note(address, without_keys(wrong.problem.detail), self._here.clock())
            raise

    async def _valid_key(self, request: Request) -> Key:
        given = _keys_given(request)
        if not given:
            raise unauthorized("nothing")
        if len(given) == 1 and given[0].count(".") == 2:
            return await self._keyless(given[0])
        if not all(keys.well_formed(text) for text in given):
            raise unauthorized("text that is not a key; check that it was copied completely")
        if len(given) > 1:
            raise refusal("request", f"{KEY_HEADER}: this request has two keys; send one of them")
        key = await self._here.store.find_key(keys.hash_of(given[0]))
        if key is None or not key.is_valid(self._here.clock()):
            raise unauthorized("one that is unknown, deleted or expired")
        return key

    async def _keyless(self, token: str) -> Key:
        """Return the entry for the job of an ID token, limited to what the token proves; raises Refusal."""
        # It loads what a server whose jobs have keys never needs.
        from gitdailies_dora.accounts.keyless import job_token

        here = self._here
        now = int(here.clock().timestamp())
        try:
            trusted, key_id = job_token.claimed(token, here.settings.trusted_ci)
            published = await here.issuer_keys.of(trusted[0].issuer, key_id)
            limits, environment = job_token.proven(
                token, published, trusted=trusted, audience=here.public, now=now
            )
            if environment:
                own = _meanings(exact_environment(environment), None, here.figures)
                if fault := limits.fault(limits.repos, own):
                    raise SignInRefused(
                        f"environment: dora.trusted_ci trusts {fault[1]} for {limits.repos[0]}, "
                        f"got {got(environment)}; add it to environments there"
                    )
                limits = limits._replace(environments=tuple(sorted(own)))
        except SignInRefused as wrong:
            raise refusal("unauthorized", f"ID token: {wrong}", WWW_Authenticate="Bearer") from None
        except DeliveryError as wrong:
            detail = f"ID token: its issuer does not answer now, so it cannot be verified: {wrong}"
            raise refusal("issuer", detail, Retry_After="20") from None
        name = trusted[0].name
        key = await here.store.find_key(keys.hash_of(name))
        if key is None:
            key = await here.store.write(partial(keyless, name=name, now=here.clock()))
        return replace(key, limits=limits)


class Endpoints:
    """Endpoints of a server."""

    def __init__(self, here: Installation, access: KeyAccess) -> None:
        self._here = here
        self._access = access
        self._current = here.deriver.current


def lacking(key: Key, right: str) -> Refusal:
    """Return the error about a request for which *key* lacks a right."""
    if key.is_keyless:
        return refusal("forbidden", f"ID token: {_DEPLOYS_ONLY}")
    return refusal("forbidden", f"key: this key may not {right}; create one with --allow {right}")


def _meanings(own: str | None, tier: Any, settings: FigureSettings) -> set[str]:
    """Return the names, folded, that mean an environment. Production has its own names, too."""
    names = {settings.environment(own, tier)}
    if PRODUCTION in names:
        names = {"production", settings.production_name.casefold()}
        names |= {own} if own and settings.environment(own) == PRODUCTION else set()
    return names


def forbidden(event: Event, *, key: Key, settings: FigureSettings) -> Problem | None:
    """Return why *key* may not send an event, or None if it may.

    A repository has its former names, too. What counts as production is within a limit that names
    production, or its own name where that says production as well.
    """
    if not key.may_send(event.kind):
        expected = _DEPLOYS_ONLY if key.is_keyless else "expected a kind that this key may send"
        return Problem("forbidden", f"kind: {expected}, got {got(event.kind)}", "kind")
    if not any(key.limits):
        return None
    repo, own = event.get("repo"), exact_environment(event.get("environment"))
    environments = _meanings(own, event.get("tier"), settings)
    fault = key.limits.fault({folded(repo), settings.repo(repo)}, environments)
    if fault is None:
        return None
    field, limit = fault
    found = got(event.get(field)) if event.get(field) else "none, which means production"
    if key.is_keyless:
        remedy = "report it from a job of its own" if field == "repo" else "name that one in the step"
        detail = f"{field}: the ID token is of a job of {limit}, got {found}; {remedy}, or send a key"
        return Problem("forbidden", detail, field)
    return Problem("forbidden", f"{field}: this key may send events of {limit} alone, got {found}", field)


def _keys_given(request: Request) -> list[str]:
    """Return the keys of a request, from our header and from Bearer tokens; the same key in both is one."""
    ours = request.headers.getlist(KEY_HEADER)
    pairs = (text.partition(" ") for text in request.headers.getlist("authorization"))
    tokens = [token.strip() for scheme, _, token in pairs if scheme.lower() == "bearer"]
    return [*ours, *(token for token in tokens if token not in ours)]


def unauthorized(found: str) -> Refusal:
    """Return the error about a request that has *found* in place of a valid key."""
    return refusal(
        "unauthorized",
        f"{KEY_HEADER}: expected a valid key in this header or as a Bearer token, got {found}",
        WWW_Authenticate="WebhookKey, Bearer",
    )
