"""Reading a Dockerfile: instructions by stage.

Written here because the file needs so little of the format (no heredocs, no parser directives, no escapes but the
line's end), and because the parsers to be had are a Go program to compile or were last released years ago.
"""

import json
import shlex
from dataclasses import dataclass, field
from string import Template


@dataclass(frozen=True)
class Instruction:
    """One instruction, with its continued lines joined."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The arguments: of the exec form those of its list, of the shell form as a shell splits them."""
        if self.rest.startswith("["):
            words: list[str] = json.loads(self.rest)
            return words
        return shlex.split(self.rest)


@dataclass
class Stage:
    """What is between one FROM and the next."""

    image: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """The instructions of a name, in order."""
        return [instruction for instruction in self.instructions if instruction.name == name]

    def only(self, name: str) -> Instruction:
        """The instruction that the stage has once."""
        (instruction,) = self.all(name)
        return instruction


def read(text: str) -> list[Stage]:
    """The stages of the file, images with the defaults of ARG; raises ValueError for anything else before the first FROM."""
    stages: list[Stage] = []
    defaults: dict[str, str] = {}
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            image, *named = Template(rest).substitute(defaults).split()
            stages.append(Stage(image, named[1] if named else ""))
        elif not stages and name == "ARG":
            argument, _, default = rest.partition("=")
            defaults[argument] = default
        elif not stages:
            raise ValueError(f"{name} before the first FROM")
        else:
            stages[-1].instructions.append(Instruction(name, rest.strip()))
    return stages
