"""The switch that rewrites golden files: pytest tests/rulebook --rewrite-golden; and the loader as it will be."""

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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch."""
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write what the tests see as what they want"
    )


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten instead of compared."""
    return bool(request.config.getoption("--rewrite-golden", default=False))
