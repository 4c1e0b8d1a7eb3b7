"""Commands as typer makes them, with a help that shows options as other programs do: flags without a type."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer import BadParameter
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from engine.model.shown import printable, without_secrets

_ClickException: Any = BadParameter.__mro__[2]
"""Of the click that typer uses, its own or the package."""


@contextmanager
def _shown_errors() -> Iterator[None]:
    """Takes secrets and control characters out of usage errors, which repeat words of the command line."""
    try:
        yield
    except _ClickException as error:
        error.message = printable(without_secrets(error.message))
        raise


class _Conventional:
    """Takes the type away from the help of flags, which take no value, and writes arguments in capitals."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, as their help shows them."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc] # of the class beside it
        for param in params:
            if param.metavar is not None:
                continue
            if isinstance(param, TyperOption) and param.is_flag:
                param.metavar = ""
            elif isinstance(param, TyperArgument):
                param.metavar = f"{param.name}".upper()
        return params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage line, without braces around arguments."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc] # of the class beside it
        return [piece.replace("{", "").replace("}", "") for piece in pieces]


class CliCommand(_Conventional, TyperCommand):
    """A command."""


class CliGroup(_Conventional, TyperGroup):
    """A group of commands."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """The context, with options parsed."""
        with _shown_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        with _shown_errors():
            return super().invoke(ctx)
