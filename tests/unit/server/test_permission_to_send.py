"""The permission that a sender of CloudEvents asks for."""

import pytest
from gitdailies_server.http.permission_to_send import granted


@pytest.mark.parametrize("origin", [None, "", " ", "a b", "a\r\nx: y", "ä.example", "x" * 256, "<script>"])
def test_others_ask_for_nothing(origin: str | None) -> None:
    """Without an origin, and with a text that is none, there is no permission, and nothing is repeated."""
    assert granted({} if origin is None else {"webhook-request-origin": origin}, "POST") is None
