"""Requests for tests, as callers would send them."""

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import request


def li_na(customer: str = "li-na", **over: object) -> DecideRequest:
    """A customer in the cold and dry, reachable on both channels."""
    given: dict[str, object] = {
        "profile": {"openid": "o-1", "phone": "138", "first_name": "Li Na"},
        "consents": ["wechat", "sms"],
        "weather": {"temperature_c": 3.0, "humidity_pct": 30.0},
        **over,
    }
    return request(customer, **given)  # type: ignore[arg-type]
