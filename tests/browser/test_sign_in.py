"""Sign-in with a real provider in Chromium, and the pages of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_connection.config.sections.sign_in import RoleSettings, SignInSettings
from gitdailies_dora.accounts.people_store import invite_owner
from playwright.sync_api import Page, expect

from tests.browser.conftest import Tab, every_look, join, serving
from tests.support.dora.running import Receiver
from tests.support.servers import free_port
from tests.support.sign_in import real_provider

ACCOUNTS = {"vic": {"name": "Vic", "groups": ["engineering"]}, "eve": {"name": "Eve", "groups": []}}


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that lets accounts of oidc-provider in, and the provider."""
    port = free_port()
    ways = SignInSettings(
        openid=real_provider.settings(port, tmp_path, title="Larkspur"),
        roles=RoleSettings({"engineering": "member"}),
    )
    with (
        serving(tmp_path, sign_in=ways) as running,
        real_provider.provider(port, f"{running.url}/sign-in/openid/callback", ACCOUNTS),
    ):
        yield running


def through_the_provider(page: Page, account: str) -> None:
    """Sign in at the provider, and consent where it asks."""
    page.get_by_role("link", name="Sign in with Larkspur").click()
    page.locator('input[name="login"]').fill(account)
    page.locator('input[name="password"]').fill("any")
    page.locator('button[type="submit"]').click()
    page.locator('button[type="submit"]').click()


@every_look
def test_a_person_signs_in_and_is_removed(receiver: Receiver, tab: Tab) -> None:
    """The button leads through the provider to the page that was asked for; a removed person stays out."""
    page = tab.page
    page.goto(f"{receiver.url}/events?kind=deployed")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    tab.look("sign-in-openid")
    through_the_provider(page, "vic")
    expect(page).to_have_url(re.compile(r"/events\?kind=deployed$"))
    page.goto(f"{receiver.url}/settings")
    expect(page.locator(".cards")).to_contain_text("Signed in as Vic, member, with http://localhost")
    tab.look("settings-openid")

    page.get_by_role("button", name="Sign out").click()
    page.goto(receiver.url + invite_owner(receiver.store))
    join(page, "Kim")
    page.goto(f"{receiver.url}/settings/people")
    page.get_by_role("link", name="Remove Vic").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Not let in")).to_be_visible()
    tab.look("people-not-let-in")

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in with Larkspur").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not sign in")
    tab.look("sign-in-refused-openid")
    # The pages of the provider load a font from elsewhere.
    tab.faults[:] = [fault for fault in tab.faults if "ERR_NAME_NOT_RESOLVED" not in fault]
