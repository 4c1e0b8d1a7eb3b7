"""Access control as the settings say: the guard of all services and the certificate, kept up to date with their files."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import grpc

from engine.server.access.admission import Admission
from engine.server.access.callers import Callers, everyone
from engine.server.access.callers_file import MOST_BYTES, CallersFile, WrongCallers
from engine.server.access.certificates import Certificates
from engine.server.access.file_watcher import WatchedFile
from engine.server.access.guard import GuardedServices
from engine.server.access.limits import Limits, rate_limit_of
from engine.server.background import in_thread
from engine.settings import Settings

_LOOK_SECONDS = 1.0
_READ_SECONDS = 30.0
"""How long the file system may take to answer."""


class AccessWiring:
    """Who may call, and over what. Raises OSError or ValueError that says which setting is wrong."""

    def __init__(self, settings: Settings) -> None:
        self._files: list[WatchedFile] = []
        self._looking: asyncio.Future[None] | None = None
        self._callers = self._read_callers(settings)
        self._certificates = self._read_certificates(settings)
        self.admission = Admission(lambda: self._callers, settings.request_timeout)
        self._stream_idle = settings.stream_idle
        self._guarded: list[GuardedServices] = []

    def guarded(self, services: Iterable[grpc.GenericRpcHandler]) -> grpc.GenericRpcHandler:
        """The services over gRPC, to callers that are admitted."""
        self._guarded.append(GuardedServices(self.admission, self._stream_idle, services))
        return self._guarded[-1]

    def credentials(self) -> grpc.ServerCredentials | None:
        """The credentials to open the port with; None: without TLS. To be called once."""
        return self._certificates.credentials() if self._certificates else None

    def tls(self) -> ssl.SSLContext | None:
        """The same for a port that gRPC does not serve."""
        return self._certificates.tls() if self._certificates else None

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What has to run for as long as there are calls, by name. Calls end in time also while a file cannot be read."""
        return {"time of calls": self._follow_calls, "callers and certificates": self._follow_files}

    async def _follow_calls(self) -> None:
        """Every second until cancelled, ends calls that may not go on."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.admission.sweep()
            for services in self._guarded:
                services.sweep()

    async def _follow_files(self) -> None:
        """Every second until cancelled, reads changed files again. Raises TimeoutError if the file system does not answer."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._looking is None or self._looking.done():
                self._looking = in_thread(self._look)
            await asyncio.wait((self._looking,), timeout=_READ_SECONDS)
            if not self._looking.done():
                raise TimeoutError("the files of callers and certificates cannot be read in time")
            await self._looking

    def _look(self) -> None:
        for file in self._files:
            file.look()

    def _read_callers(self, settings: Settings) -> Callers:
        limits = Limits(settings.rate, settings.burst, settings.calls_at_once)
        if not settings.callers:
            return Callers(anyone=everyone(rate_limit_of(limits), simulate=settings.allow_simulated_now))
        path, file = Path(settings.callers), CallersFile(limits, simulate=settings.allow_simulated_now)

        def read() -> None:
            try:
                with path.open(encoding="utf-8-sig") as opened:
                    self._callers = file.read(opened.read(MOST_BYTES + 1))
            except OSError as error:
                raise WrongCallers(f"{path} cannot be read: {error.strerror}") from None
            except ValueError as error:
                raise WrongCallers(f"{path}: {error}") from None

        self._files.append(WatchedFile("callers", [path], read))
        return self._callers

    def _read_certificates(self, settings: Settings) -> Certificates | None:
        if not settings.tls_cert:
            return None
        client_ca = Path(settings.client_ca) if settings.client_ca else None
        certificates = Certificates(Path(settings.tls_cert), Path(settings.tls_key), client_ca)
        self._files.append(certificates.files)
        return certificates
