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
    watch: bool = False
    """Follow the folder: a changed book becomes live when it loads. SIGHUP does the same once, with or without it."""
    log: str = "sqlite:///tact.db"
    """URL of the decision log: sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host:5432/database."""
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
    """Seconds to wait while another program writes to the log; on PostgreSQL, about the same customers."""
    grace: Annotated[float, Field(ge=0)] = 10.0
    """Seconds that accepted requests get to finish when the server is told to stop."""
    weather_url: Annotated[str, Field(pattern=r"^(https?://[^/?#\s]+(/[^?#\s]*)?)?$")] = ""
    """Base URL of a weather provider in Open-Meteo's form, asked at /v1/forecast; empty: no weather is fetched."""
    weather_timeout: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.03
    """Seconds that a decision waits for the weather; the call goes on without it, for the next."""
    weather_call_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    """Seconds that a call to the weather provider may take."""
    weather_calls: Annotated[int, Field(ge=1)] = 16
    """How many calls to the weather provider may be under way at once, each on a connection of its own."""
    weather_cache_cells: Annotated[int, Field(ge=1)] = 4096
    """How many places of a tenth of a degree the weather is remembered for."""
    weather_fresh: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds that remembered weather is used as it is."""
    weather_stale: Annotated[float, Field(ge=0)] = 10800.0
    """Age in seconds up to which remembered weather is used while newer is asked for."""
    weather_failures: Annotated[int, Field(ge=1)] = 5
    """How many calls to the weather provider fail in a row before it is left alone for a while."""
    weather_pause: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that a failing weather provider, or a place it failed for, is left alone."""
