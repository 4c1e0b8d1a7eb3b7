"""Content: fields of text by channel, and what of them reads otherwise in a language."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.rulebook.attributes import Lexicon
from engine.rulebook.content import templates
from engine.rulebook.declared import Declared
from engine.rulebook.model.book import Channel, Content, Fields
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path

Texts = Mapping[str, str]
ByChannel = Mapping[str, Texts]

_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class ContentReader:
    """Reads content for the channels and attributes of one book."""

    channels: Declared[Channel]
    lexicon: Lexicon
    findings: Findings

    def read(self, data: ByChannel, locales: Mapping[str, Texts | ByChannel], path: Path) -> Content:
        """The `content` and `locales` of the thing at the path; what is wrong with them goes to the findings."""
        said = self._by_channel(data, (*path, "content"))
        return Content(
            said.default,
            said.channels,
            {
                name: self._locale(name, each, said, (*path, "locales", name))
                for name, each in locales.items()
                if self._is_locale(name, locales, (*path, "locales", name))
            },
        )

    def _by_channel(self, data: ByChannel, path: Path) -> Content:
        fields = {key: self._fields(key, value, (*path, key)) for key, value in data.items()}
        return Content(fields.pop("default", {}), fields)

    def _fields(self, key: str, data: Texts, path: Path) -> Fields:
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
        return self._templates(data, path)

    def _templates(self, data: Texts, path: Path) -> Fields:
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

    def _is_locale(self, name: str, locales: Iterable[str], path: Path) -> bool:
        if not _LOCALE.fullmatch(name) or len(name) > 35:
            hint = "a BCP 47 tag, for example zh-CN or fr"
            self.findings.key_error(path, Code.NAME, f"{quote(name)} is not a language", hint)
            return False
        twin = next(each for each in locales if each.lower() == name.lower())
        if twin != name:
            message = f"the language {quote(twin)} is here a second time: capitals do not matter"
            self.findings.key_error(path, Code.DUPLICATE, message)
        return twin == name

    def _locale(self, name: str, data: Texts | ByChannel, said: Content, path: Path) -> Content:
        """What reads otherwise in the language; each field must be one that is said on its channel."""
        fields = {key: each for key, each in data.items() if isinstance(each, str)}
        if fields:
            changed = Content(self._templates(fields, path))
        else:
            changed = self._by_channel({k: v for k, v in data.items() if not isinstance(v, str)}, path)
        by_key = {"default": changed.default, **changed.channels}
        for key, each in by_key.items():
            known = said.default if key == "default" else said.on(key)
            for field in each:
                if field not in known:
                    here = (*path, field) if fields else (*path, key, field)
                    message = (
                        f"the content has no field {quote(field)} that could read otherwise in {quote(name)}"
                    )
                    self.findings.key_error(here, Code.UNKNOWN, message, self.findings.suggest(field, known))
        return changed
