"""The switch that rewrites golden files: pytest tests/rulebook tests/scenario --rewrite-golden."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch."""
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write what the tests see as what they want"
    )


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten instead of compared."""
    return bool(request.config.getoption("--rewrite-golden", default=False))
