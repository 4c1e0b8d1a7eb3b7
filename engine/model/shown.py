"""Texts as they are shown on terminals, in messages and to probes: without passwords and without control characters."""

import re
from typing import Any

_USER_INFO = re.compile(r"(\w+:/*)(\S*)@")


_NO_PORT = re.compile(r"(\w+://(?!\[)[^\s/:@?#]*:)(?!\*\*\*@)(?!\d{1,5}(?:[\s/?#,:;'\")\]]|$))(?:.*@|\S+)")
"""What stands where a port would, and is none: a password with blanks, or in front of a forgotten `@`."""


_NAMES = r"\w*(?:password|passwd|passphrase|pwd|secret|credential)\w*"


_SHORT_NAMES = r"\w*(?:token|key|signature)\w*"
"""Words of messages too (`its key: --tls-key`), so that a colon with a blank behind it gives no value."""


_VALUE = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?:\\.|\S)+)"""


_IN_QUERY = re.compile(rf"(?i)([?&](?:{_NAMES}|{_SHORT_NAMES})=)([^\s&]*)")


_PARAMETER = re.compile(
    rf"(?i)(?<![?&\w])((?:{_NAMES}['\"]?\s*[=:]\s*|{_SHORT_NAMES}(?:['\"]?\s*=\s*|:|['\"]:\s*)))(?!\*\*\*){_VALUE}"
)


_BEARER = re.compile(r"(?i)\b(bearer|authorization:\s*basic)(\s+)([\w+/=.~-]{8,})")


def without_secrets(text: str) -> str:
    """The text with `***` for what may be a password or a token, in a URL of any form or in `name=value` pairs."""
    text = _NO_PORT.sub(r"\1***@", _USER_INFO.sub(_masked, text))
    text = _PARAMETER.sub(r"\1***", _IN_QUERY.sub(r"\1***", text))
    return _BEARER.sub(r"\1\2***", text)


def _masked(match: re.Match[str]) -> str:
    user, colon, _ = match[2].partition(":")
    return f"{match[1]}{user}{':***' if colon else ''}@"


_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
"""C0 and C1 controls, line separators, what changes the direction of writing, and invisible characters other than joiners."""


_BRIEF = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""The text with `\n`, `\u001b` … for characters that would move a cursor, colour a terminal or begin a new line.

    The escapes are those of JSON, so a JSON document in one line stays what it is.
    """
    return _CONTROLS.sub(_escape, text)


def printable_lines(text: str) -> str:
    """The same for a text whose own line breaks are meant."""
    return "\n".join(map(printable, text.split("\n")))


def _escape(match: re.Match[str]) -> str:
    return _BRIEF.get(match[0]) or f"\\u{ord(match[0]):04x}"


def shown(value: Any) -> Any:
    """The value, and what is in it, without secrets."""
    match value:
        case str():
            return without_secrets(value)
        case list() | tuple():
            return [shown(item) for item in value]
        case dict():
            return {key: shown(item) for key, item in value.items()}
        case _:
            return value
