"""The version of a book: a hash of what it says, however it is spread over files."""

import hashlib
import json
from collections.abc import Mapping

from engine.rulebook.text.nodes import Plain


def version(data: Mapping[str, Plain]) -> str:
    """SHA-256, hexadecimal, of the merged book as canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # YAML can write half a surrogate pair by escapes in no way; "surrogatepass" keeps the hash total all the same.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
