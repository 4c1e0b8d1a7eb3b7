"""A line to a server that breaks at the worst moment."""

import socket
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlsplit


class Cutter:
    """Passes one connection on to a Unix socket; once the client has said `cut_at`, it waits for the answer and keeps it."""

    def __init__(self, path: Path, *, cut_at: bytes) -> None:
        self.has_cut = self._is_cut = False
        self._path, self._cut_at = path, cut_at
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Cutter":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._thread.join()

    def url(self, url: str) -> str:
        """The database of the URL, by way of here."""
        parts = urlsplit(url)
        assert parse_qs(parts.query)["host"] == [str(self._path.parent)]
        return (
            f"postgresql://postgres@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}?sslmode=disable"
        )

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._path))
            back = threading.Thread(target=self._answer, args=(server, client))
            back.start()
            while data := client.recv(65536):
                self.has_cut = self.has_cut or self._cut_at in data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            back.join()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        """Passes answers back; after the cut it hears the server out, who then has done what it was told."""
        while data := server.recv(65536):
            if not self.has_cut:
                client.sendall(data)
            elif not self._is_cut:
                self._is_cut = True
                client.shutdown(socket.SHUT_RDWR)
