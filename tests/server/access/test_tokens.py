"""Tokens at work: simulation, rotation under load, limits."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.api.v1.decisions_pb2 import DecideResponse
from engine.client import AccessDenied, Client, InvalidRequest, Overloaded
from engine.client.access import OnBehalf, Token
from engine.server.access.roles import Role
from tests.requests import li_na
from tests.server.access.conftest import token_for, write_callers
from tests.server.load import Load
from tests.servers import serving
from tests.waiting import until

SHOP, SHOP_ENTRY = token_for("shop", Role.DECIDE, Role.EXPLAIN)


@contextmanager
def asking(target: str, token: str) -> Iterator[Client]:
    """A client with a token."""
    with Client(target, timeout=60, attempts=1, token=token) as client:
        yield client


def is_let_in(target: str, token: str) -> bool:
    """Whether the server knows the token now."""
    with asking(target, token) as client:
        try:
            client.decide(li_na("asking"))
        except AccessDenied:
            return False
    return True


def test_now_needs_the_role(book: Path, log: Path, tmp_path: Path) -> None:
    """A caller with `simulate` may set `now`, another is told which field is wrong, in a batch as well."""
    time_traveller, entry = token_for("trial", Role.DECIDE, Role.SIMULATE)
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY, entry)
    message = li_na()
    message.now.seconds = 1_770_000_000
    with serving(book, log, "--callers", str(callers)) as server:
        with asking(server.target, time_traveller) as client:
            assert client.decide(message).decided_at.seconds == message.now.seconds
        with asking(server.target, SHOP) as client:
            with pytest.raises(InvalidRequest) as caught:
                client.decide(message)
            (item,) = client.decide_batch([message])
    assert [violation.field for violation in caught.value.violations] == ["now"]
    assert not isinstance(item, DecideResponse)
    assert "simulate" in item.message


def test_tokens_are_replaced_under_load(book: Path, log: Path, tmp_path: Path) -> None:
    """A second token is let in beside the first, the first taken away, a broken file left aside: no call of others fails."""
    path = tmp_path / "callers.toml"
    new, new_entry = token_for("shop", Role.DECIDE)
    other, other_entry = token_for("mailer", Role.DECIDE)
    write_callers(path, SHOP_ENTRY, other_entry)
    with serving(book, log, "--callers", str(path)) as server:
        load = Load(server.target, lambda a, b: li_na(f"{a}-{b}"), callers=3, access={"token": other})
        with load.running():
            assert not is_let_in(server.target, new)
            write_callers(path, SHOP_ENTRY, new_entry, other_entry)
            until(lambda: is_let_in(server.target, new))
            assert is_let_in(server.target, SHOP)
            write_callers(path, new_entry, other_entry)
            until(lambda: not is_let_in(server.target, SHOP))
            path.write_text("[[tokens]]\n")
            until(lambda: any("what was read before stays" in line for line in server.errors))
            assert is_let_in(server.target, new)
        assert server.stop() == 0
    assert load.failures == []
    assert len(load.answers) > 0


def test_a_rate_is_kept_for_each_caller(book: Path, log: Path, tmp_path: Path) -> None:
    """After its burst a caller is told when to come again; another caller, and health, go on."""
    other, other_entry = token_for("mailer", Role.DECIDE)
    more = "\n[limits.shop]\nrate = 0.001\nburst = 3\n"
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY, other_entry, more=more)
    with serving(book, log, "--callers", str(callers)) as server, asking(server.target, SHOP) as client:
        for _ in range(3):
            client.decide(li_na())
        with pytest.raises(Overloaded) as refused:
            client.explain(li_na())
        assert client.health()
        assert is_let_in(server.target, other)
    assert refused.value.retry_after is not None
    assert 900 < refused.value.retry_after <= 1000


def test_a_batch_counts_for_what_it_holds(
    book: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of five is let in, and the caller waits for five requests' time afterwards; the setting is the default."""
    monkeypatch.setenv("TACT_RATE", "0.001")
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY)
    with serving(book, log, "--callers", str(callers)) as server, asking(server.target, SHOP) as client:
        assert len(client.decide_batch([li_na()] * 5)) == 5
        with pytest.raises(Overloaded) as refused:
            client.decide(li_na())
    assert refused.value.retry_after is not None
    assert 4900 < refused.value.retry_after <= 5000


def test_calls_at_once_are_bounded_for_each_caller(
    book: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two calls under way the third is refused with a delay, and let in when one of them is gone."""
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", "600")
    more = "\n[limits.shop]\nat_once = 2\n"
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY, more=more)
    with ExitStack() as stack:
        server = stack.enter_context(serving(book, log, "--callers", str(callers)))
        channel = stack.enter_context(grpc.insecure_channel(server.target))
        client = stack.enter_context(asking(server.target, SHOP))
        stalled = [stall(channel, SHOP) for _ in range(2)]

        def refused_while_two_are_held() -> bool:
            """One that came while the client was asking was itself the third, and is sent again."""
            stalled[:] = [call if call.is_active() else stall(channel, SHOP) for call in stalled]
            return is_refused(client)

        until(refused_while_two_are_held)
        with pytest.raises(Overloaded) as refused:
            client.decide(li_na())
        assert refused.value.retry_after
        for call in stalled:
            call.cancel()
        until(lambda: not is_refused(client))


def stall(channel: grpc.Channel, token: str | None, path: str = "/tact.v1.Decisions/Decide") -> Any:
    """A call whose message never comes."""
    ask: Any = channel.stream_stream(path)
    requests = _Never()
    requests.call = ask(requests, metadata=(("authorization", f"Bearer {token}"),) if token else ())
    return requests.call


class _Never:
    """Requests that do not come while the call lives."""

    call: Any = None

    def __iter__(self) -> "_Never":
        return self

    def __next__(self) -> bytes:
        while self.call is None or self.call.is_active():
            time.sleep(0.02)
        raise StopIteration


def is_refused(client: Client) -> bool:
    """Whether a call is refused now."""
    try:
        client.decide(li_na())
    except Overloaded:
        return True
    return False


def test_only_a_delegate_calls_on_behalf_of_users(book: Path, log: Path, tmp_path: Path) -> None:
    """Named users have their own roles and those of their groups; without the role, or of nobody known, calls are refused."""
    console, entry = token_for("console", Role.DELEGATE)
    text = write_callers(tmp_path / "callers.toml", SHOP_ENTRY, entry).read_text()
    people = (
        '\n[[users]]\nname = "anna"\nroles = ["decide"]\n\n[[users]]\nname = "ben"\nroles = ["explain"]\n'
    )
    people += '\n[[groups]]\nname = "deciders"\nroles = ["decide"]\n'
    (tmp_path / "callers.toml").write_text(text + people)

    def code(token: Token) -> str:
        with Client(server.target, timeout=60, attempts=1, token=token) as client:
            try:
                client.decide(li_na("asking"))
            except AccessDenied as error:
                return str(error.code.name)
        return "OK"

    with serving(book, log, "--callers", str(tmp_path / "callers.toml")) as server:
        assert code(OnBehalf(console, "anna")) == "OK"
        assert code(OnBehalf(console, "ben")) == "PERMISSION_DENIED"
        assert code(OnBehalf(console, "ben", ("deciders",))) == "OK"
        assert code(OnBehalf(console, "nobody")) == "UNAUTHENTICATED"
        assert code(OnBehalf(console, "nobody", ("strangers",))) == "UNAUTHENTICATED"
        assert code(OnBehalf(console, "an na")) == "UNAUTHENTICATED"
        assert code(OnBehalf(SHOP, "anna")) == "PERMISSION_DENIED"
        assert code(console) == "PERMISSION_DENIED"
        assert code(SHOP) == "OK"
