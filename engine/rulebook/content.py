"""Content: fields of text by channel, and whether it has something to say on each channel."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from engine.rulebook import templates
from engine.rulebook.attributes import Lexicon
from engine.rulebook.declared import Declared
from engine.rulebook.diagnostics import Code, quote
from engine.rulebook.findings import Findings, Path
from engine.rulebook.model import Channel, Content, Fields

_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class ContentReader:
    """Reads content for the channels and attributes of one book."""

    channels: Declared[Channel]
    lexicon: Lexicon
    findings: Findings

    def read(self, data: Mapping[str, Mapping[str, str]], path: Path) -> Content:
        """The content at the path; what is wrong with it goes to the findings."""
        fields = {key: self._fields(key, value, (*path, key)) for key, value in data.items()}
        default = fields.pop("default", {})
        return Content(default, fields)

    def _fields(self, key: str, data: Mapping[str, str], path: Path) -> Fields:
        channels = self.channels
        if (
            key != "default"
            and key not in channels.found
            and key not in channels.broken
            and not channels.partial
        ):
            hint = self.findings.suggest(key, ["default", *channels.found])
            message = f"{quote(key)} is neither `default` nor a channel"
            self.findings.key_error(path, Code.UNKNOWN, message, hint)
        return {
            name: templates.parse(text, self._name(path, name), self.lexicon, self.findings)
            for name, text in data.items()
        }

    def _name(self, path: Path, name: str) -> Path:
        here = (*path, name)
        if not _FIELD.fullmatch(name) or len(name) > 100:
            hint = "lower-case words of a-z, 0-9 and _"
            self.findings.key_error(here, Code.NAME, f"{quote(name)} is not the name of a field", hint)
        return here


def silent_on(content: Collection[str], channels: Iterable[str]) -> list[str]:
    """The channels for which content with these keys has nothing to say."""
    return [] if "default" in content else [name for name in channels if name not in content]
