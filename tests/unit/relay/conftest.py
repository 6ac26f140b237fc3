"""The fixtures of the relay that start no server, for these tests."""

from tests.support.relay.fixtures import quick_retries

__all__ = ["quick_retries"]
