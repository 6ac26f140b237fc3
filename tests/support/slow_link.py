"""A link to a server that is far away: a proxy that delays what goes through it, and counts round trips."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Nobody waits for the end of a snapshot.
_NOT_WAITED_FOR = b"Q\0\0\0\rROLLBACK\0"


class SlowLink:
    """The port to connect to, the delay of each direction in seconds, and the trips so far.

    A trip is what a client sends after the server has answered, or first of all.
    """

    def __init__(self, target: int) -> None:
        self.target, self.port, self.delay, self.trips = target, 0, 0.0, 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what one client and the server say, until either ends."""
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        answered = True

        async def carry(source: asyncio.StreamReader, to: asyncio.StreamWriter, *, asks: bool) -> None:
            nonlocal answered
            loop = asyncio.get_running_loop()
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    if asks and answered and data != _NOT_WAITED_FOR:
                        self.trips += 1
                    answered = not asks
                    loop.call_later(self.delay, to.write, data)
            loop.call_later(self.delay, to.close)

        await asyncio.gather(carry(reader, back, asks=True), carry(there, writer, asks=False))


@contextmanager
def slow_link(target: int) -> Iterator[SlowLink]:
    """Yield a link to a port of this machine."""
    link, loop = SlowLink(target), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(link.accept, "127.0.0.1", 0))
    link.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield link
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        server.close()
        loop.close()
