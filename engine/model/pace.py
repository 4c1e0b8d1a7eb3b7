"""Lets long work in a thread make way for the event loop, which would wait for the interpreter otherwise."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

_ItemT = TypeVar("_ItemT")


MakeWay: TypeAlias = Callable[[], None]
"""Called between two pieces of long work."""


def go_on() -> None:
    """The pause of work that makes way for nobody."""


def paced(items: Iterable[_ItemT], pause: MakeWay) -> Iterator[_ItemT]:
    """The items, with a pause after each."""
    for item in items:
        yield item
        pause()


class Pacer:
    """A pause that lets a thread work in slices, and sleeps between them. Belongs to one thread.

    worked, slept: seconds; a call waits at most for a slice, and the work takes (worked + slept) / worked as long.
    """

    def __init__(self, worked: float = 0.0005, slept: float = 0.001) -> None:
        self._worked, self._slept = worked, slept
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Sleeps where a slice is over."""
        if time.perf_counter() - self._since >= self._worked:
            time.sleep(self._slept)
            self._since = time.perf_counter()
