"""Policies that count contacts: caps, gaps, and the limits of campaigns."""

from dataclasses import dataclass

from engine.rulebook.channels import span
from engine.rulebook.model.book import Kind
from engine.rulebook.model.policies import Cap, Gap, Quota, Selector
from engine.rulebook.pressure.selectors import SelectorReader
from engine.rulebook.pressure.windows import WindowReader
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import CapShape, GapShape, LimitsShape
from engine.rulebook.text.nodes import Plain


@dataclass(frozen=True, slots=True)
class CapReader:
    """Reads caps and gaps."""

    selectors: SelectorReader
    windows: WindowReader
    findings: Findings

    def cap(self, name: str, value: Plain, path: Path) -> Cap | None:
        """The cap at the path; None after reporting that it is none."""
        self.windows.check_above_zero(value, path)
        shape = shaped(CapShape, value, path, self.findings)
        if shape is None:
            return None
        limit, wish = self.windows.limit(shape.limit, (*path, "limit"))
        window = self.windows.window(shape.per, shape.clock, path)
        count = self.selectors.read(shape.count, (*path, "count")) or Selector()
        except_ = self.selectors.read(shape.except_, (*path, "except"))
        self.selectors.check_effect(count, "cap", path)
        return Cap(name, limit, window, count, except_, wish)

    def gap(self, name: str, value: Plain, path: Path) -> Gap | None:
        """The gap at the path; None after reporting that it is none."""
        shape = shaped(GapShape, value, path, self.findings)
        if shape is None:
            return None
        at_least = span((*path, "at_least"), shape.at_least, self.findings)
        count = self.selectors.read(shape.count, (*path, "count")) or Selector()
        except_ = self.selectors.read(shape.except_, (*path, "except"))
        self.selectors.check_effect(count, "gap", path)
        return Gap(name, at_least, count, except_)


def limits(
    campaign: str, outbound: bool, value: Plain, path: Path, windows: WindowReader
) -> tuple[Cap | None, Quota | None]:
    """A campaign's `limits`, over its own contacts: the cap for one customer, and the total; None where it has none.

    `outbound`: whether it goes out on any outbound channel; then what the website showed does not count.
    """
    below = value.get("per_customer") if isinstance(value, dict) else None
    here = (*path, "per_customer")
    windows.check_above_zero(below, here)
    shape = shaped(LimitsShape, value, path, windows.findings)
    if shape is None:
        return None, None
    total = None if shape.total is None else Quota(f"{campaign}/total", shape.total)
    if shape.per_customer is None:
        return None, total
    own = shape.per_customer
    limit, wish = windows.limit(own.limit, (*here, "limit"))
    window = windows.window(own.per, own.clock, here)
    kind = Kind.OUTBOUND if outbound else Kind.INBOUND
    count = Selector(campaign=frozenset((campaign,)), kind=frozenset((kind,)))
    return Cap(f"{campaign}/per_customer", limit, window, count, wish=wish), total
