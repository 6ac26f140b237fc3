"""The fixtures of the relay, for these tests."""

from tests.support.relay.fixtures import quick_retries, receiver, relay, soon

__all__ = ["quick_retries", "receiver", "relay", "soon"]
