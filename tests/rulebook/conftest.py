"""The loader as it will be."""

from collections.abc import Iterator

import pytest

from engine.rulebook import unsupported


@pytest.fixture(scope="package", autouse=True)
def everything_that_can_be_read() -> Iterator[None]:
    """The loader reads more than the server can do yet; here it is held to all of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unsupported, "COMING", ())
        patch.setattr(unsupported, "COMING_ATTRIBUTES", frozenset())
        yield
