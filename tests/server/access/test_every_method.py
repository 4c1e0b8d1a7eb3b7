"""Every method of every service, with every kind of wrong token and with each role, over real channels."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import engine.api.v1
from engine.server.access.roles import ANY, NEEDS, OPEN, Role
from engine.server.access.tokens import entry_of, new_token
from tests.books import write_book
from tests.server.access.conftest import token_for, write_callers
from tests.servers import Server, serving


def methods_of(*files: Any) -> list[str]:
    """The paths of all methods in the files."""
    services = [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    return [f"/{service.full_name}/{method.name}" for service in services for method in service.methods]


CONTRACT = methods_of(
    *(
        import_module(f"engine.api.v1.{module.name}")
        for module in iter_modules(engine.api.v1.__path__)
        if module.name.endswith("_pb2")
    )
)
METHODS = [*CONTRACT, *methods_of(health_pb2, reflection_pb2)]
TOKENS = {role: token_for(f"only-{role}", role) for role in Role}
EXPIRED, EARLY = new_token(), new_token()
WRONG = {
    "none": (),
    "unknown": (("authorization", f"Bearer {new_token()}"),),
    "empty": (("authorization", "Bearer "),),
    "no scheme": (("authorization", TOKENS[Role.DECIDE][0]),),
    "hash": (("authorization", f"Bearer {TOKENS[Role.DECIDE][1].sha256}"),),
    "expired": (("authorization", f"Bearer {EXPIRED}"),),
    "early": (("authorization", f"Bearer {EARLY}"),),
    "two": tuple(("authorization", f"Bearer {TOKENS[role][0]}") for role in (Role.DECIDE, Role.ADMIN)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a caller for each role, and two tokens out of time."""
    folder: Path = tmp_path_factory.mktemp("callers")
    roles = tuple(Role)
    callers = write_callers(
        folder / "callers.toml",
        *(entry for _, entry in TOKENS.values()),
        entry_of(EXPIRED, "late", roles, expires=datetime(2026, 1, 1, tzinfo=UTC)),
        entry_of(EARLY, "soon", roles, not_before=datetime(2999, 1, 1, tzinfo=UTC)),
    )
    with serving(write_book(folder / "book"), folder / "tact.db", "--callers", str(callers)) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    """A channel to it."""
    with grpc.insecure_channel(server.target) as channel:
        yield channel


def code_of(channel: grpc.Channel, path: str, metadata: Any = (), body: bytes = b"") -> grpc.StatusCode:
    """How a call of the method ends when it is sent the bytes."""
    ask: Any = channel.stream_stream(path)
    call = ask(iter([body]), metadata=metadata, timeout=60)
    try:
        next(call, None)
    except grpc.RpcError:
        code: grpc.StatusCode = call.code()
        return code
    call.cancel()
    return grpc.StatusCode.OK


def with_role(role: Role) -> tuple[tuple[str, str], ...]:
    """The metadata of the caller that has only this role."""
    return (("authorization", f"Bearer {TOKENS[role][0]}"),)


def test_every_method_of_the_contract_has_its_role() -> None:
    """A new method stands in NEEDS, or nobody may call it; and nothing else stands there."""
    assert set(CONTRACT) <= set(NEEDS), "name the role of the new method in engine/server/access/roles.py"
    assert set(NEEDS) | OPEN == set(METHODS)


def test_the_server_serves_no_other_service(channel: grpc.Channel) -> None:
    """What reflection lists is what these tests go through."""
    signed = grpc.intercept_channel(channel, _Signing(with_role(Role.DECIDE)))
    served = ProtoReflectionDescriptorDatabase(signed).get_services()
    assert set(served) == {path.split("/")[1] for path in METHODS}


@pytest.mark.parametrize("path", METHODS)
def test_wrong_tokens_are_refused(channel: grpc.Channel, path: str) -> None:
    """Without a valid token every method but health is UNAUTHENTICATED, whatever is wrong with what was sent."""
    codes = {what: code_of(channel, path, metadata) for what, metadata in WRONG.items()}
    if path in OPEN:
        assert set(codes.values()) <= {grpc.StatusCode.OK, grpc.StatusCode.UNIMPLEMENTED}, codes
    else:
        assert set(codes.values()) == {grpc.StatusCode.UNAUTHENTICATED}, codes


@pytest.mark.parametrize("path", sorted(NEEDS))
@pytest.mark.parametrize("role", Role)
def test_a_role_lets_do_its_own_and_no_more(channel: grpc.Channel, path: str, role: Role) -> None:
    """A caller with one role is refused everything else, and its own methods answer something else."""
    code = code_of(channel, path, with_role(role))
    assert (code is grpc.StatusCode.PERMISSION_DENIED) == (role not in NEEDS[path])
    assert code is not grpc.StatusCode.UNAUTHENTICATED


def test_a_method_that_is_nowhere_is_refused_before_it_is_missing(channel: grpc.Channel) -> None:
    """Strangers do not learn which methods there are; callers do."""
    assert code_of(channel, "/tact.v1.Decisions/No") is grpc.StatusCode.UNAUTHENTICATED
    assert code_of(channel, "/tact.v1.Decisions/No", with_role(Role.ADMIN)) is grpc.StatusCode.UNIMPLEMENTED


def test_the_refusals_tell_nothing_apart(channel: grpc.Channel) -> None:
    """An expired and an unknown token get the same words."""
    said = set()
    for what in ("unknown", "expired", "early"):
        ask: Any = channel.stream_stream("/tact.v1.Decisions/Decide")
        call = ask(iter([]), metadata=WRONG[what], timeout=60)
        with pytest.raises(grpc.RpcError):
            next(call)
        said.add(call.details())
    assert len(said) == 1


def test_reflection_asks_only_who_calls() -> None:
    """Any role is enough for reflection."""
    assert [needed for path, needed in NEEDS.items() if "reflection" in path] == [ANY]


class _Signing(grpc.StreamStreamClientInterceptor):
    """Sends metadata with each call of a channel."""

    def __init__(self, metadata: Any) -> None:
        self._metadata = metadata

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        """The call, with the metadata."""
        return continuation(details._replace(metadata=self._metadata), requests)
