"""Settings: read once, from the environment (`TACT_…`) and then the command line."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a server may be told. Frozen; every field's variable is `TACT_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="TACT_", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    rules: str = "rules"
    """Folder of the book to serve."""
    log: str = "sqlite:///tact.db"
    """URL of the decision log: sqlite:///relative.db or sqlite:////absolute.db."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 50051
    """Port to listen on; 0 takes a free one and prints it."""
    insecure: bool = False
    """Serve without TLS on an address that is not loopback."""
    allow_simulated_now: bool = False
    """Let callers decide as of a moment of their own (`now`); for demos and tests."""
    queue_limit: Annotated[int, Field(ge=1)] = 4096
    """How many requests may wait to be settled; more are refused with RESOURCE_EXHAUSTED."""
    busy_timeout: Annotated[float, Field(ge=0)] = 2.0
    """Seconds to wait while another program writes to the log."""
    grace: Annotated[float, Field(ge=0)] = 10.0
    """Seconds that accepted requests get to finish when the server is told to stop."""
