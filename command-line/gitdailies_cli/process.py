"""Run a server as a process: signals, one event loop, and uvloop if it is installed."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable

import structlog
from gitdailies_server.logging.setup import flush

LOG = structlog.get_logger("gitdailies.server")

# Supervisors wait 10 s before they kill the process.
END_SECONDS = 9.0


class Signals:
    """The signals that a person or a supervisor sends to the process."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._reload_events: list[asyncio.Event] = []

    def reloading(self) -> asyncio.Event:
        """Return a new event that SIGHUP sets; the caller clears it."""
        self._reload_events.append(asyncio.Event())
        return self._reload_events[-1]

    def reload(self) -> None:
        """Make all listeners read their settings again."""
        for event in self._reload_events:
            event.set()


def run(serve: Callable[[Signals], Awaitable[None]]) -> None:
    """Run *serve* until it ends. SIGINT and SIGTERM stop it gracefully; a second one stops it at once.

    The process ends after END_SECONDS, even if a commit hangs. No sender got a 2xx for that.
    """

    async def main() -> None:
        signals = Signals()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            signals.stop.set()
            end = threading.Timer(END_SECONDS, _end)
            end.daemon = True
            end.start()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        loop.add_signal_handler(signal.SIGHUP, signals.reload)
        await serve(signals)

    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _end() -> None:
    LOG.error("ended before everything was stopped", reason="the store does not answer in time")
    flush()
    os._exit(1)
