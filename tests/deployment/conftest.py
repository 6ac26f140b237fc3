"""The fixtures of the relay, for these tests."""

from tests.support.relay.fixtures import receiver, relay

__all__ = ["receiver", "relay"]
