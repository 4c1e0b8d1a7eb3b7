"""A server's being told to stop: once to finish what it accepted, once more to leave at once."""

import asyncio
import signal


class Stop:
    """To be made where the event loop runs."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._hurry = asyncio.Event()

    def drain(self) -> None:
        """Finish what was accepted and leave; saying it again changes nothing."""
        self._told.set()

    def hurry(self) -> None:
        """Leave now."""
        self._told.set()
        self._hurry.set()

    def again(self) -> None:
        """The first time drain, then hurry."""
        self.hurry() if self._told.is_set() else self.drain()

    async def told(self) -> None:
        """Returns when the server shall stop."""
        await self._told.wait()

    async def hurried(self) -> None:
        """Returns when the server shall leave at once."""
        await self._hurry.wait()


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals() -> Stop:
    """What SIGTERM and SIGINT tell from now on, to the event loop that runs."""
    stop = Stop()
    for signum in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signum, stop.again)
    return stop


def heed_no_more() -> None:
    """A process that ends anyway is not to be cut off by a signal that says so once more."""
    for signum in _SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(signum)
        signal.signal(signum, signal.SIG_IGN)
