"""A server as a process: signals to events, one event loop, the fast loop where it is installed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable


class Signals:
    """What a person or a supervisor asks of the process."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._reloading: list[asyncio.Event] = []

    def reloading(self) -> asyncio.Event:
        """Return an event that SIGHUP sets, of the caller's own, who clears it."""
        self._reloading.append(asyncio.Event())
        return self._reloading[-1]

    def reload(self) -> None:
        """Ask all who listen to read their settings again."""
        for event in self._reloading:
            event.set()


def run(serve: Callable[[Signals], Awaitable[None]]) -> None:
    """Run *serve* until it ends; SIGINT and SIGTERM ask it to stop, a second one stops at once."""

    async def main() -> None:
        signals = Signals()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            signals.stop.set()
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
