"""Channels and the placements on them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from engine.rulebook.content.fields import check_field_name
from engine.rulebook.model.book import (
    MAIL_HEAD,
    AttributeType,
    Channel,
    Confirm,
    Format,
    Kind,
    Offer,
    OnSilence,
    Placement,
)
from engine.rulebook.model.policies import PlaceQuota, Quota
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.budgets import BudgetReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import NOT_NEEDED, PURPOSE, ChannelShape, PlacementShape
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text.durations import span
from engine.rulebook.text.merge import check_name
from engine.rulebook.text.nodes import PlainData

_NOT_NEEDED_WORDS = ("notneeded", "no", "none", "false", "off", "never")
_NEEDED_WORDS = ("yes", "true", "on", "needed", "required")
DEFAULT = "default"
"""In `format`, the key of all fields that it does not name."""

ReadCapacity = Callable[[str, PlainData, Path], Quota | None]
ReadCapacityEach = Callable[[str, PlainData, Path], PlaceQuota | None]


def read(
    data: Mapping[str, PlainData],
    attribute_scope: AttributeScope,
    capacities: tuple[ReadCapacity, ReadCapacityEach],
    budgets: BudgetReader,
    findings: Findings,
    *,
    partial: bool,
) -> SymbolTable[Channel]:
    """The section `channels`. capacities: read the capacity of a channel, and that of each place."""
    capacity, capacity_each = capacities
    channels: SymbolTable[Channel] = SymbolTable("channel", partial=partial)
    for name, value in data.items():
        path = ("channels", name)
        shape = shaped(ChannelShape, value, path, findings)
        channel = _channel(name, shape, path, attribute_scope, findings) if shape else None
        if channel and shape and shape.capacity is not None:
            channel = replace(channel, capacity=capacity(name, shape.capacity, (*path, "capacity")))
        if channel and shape and shape.capacity_each is not None:
            of_places = capacity_each(name, shape.capacity_each, (*path, "capacity_each"))
            channel = replace(channel, capacity_each=of_places)
        if channel and shape and shape.budget is not None:
            rule, at = f"{name}/channel_budget", (*path, "budget")
            channel = replace(channel, budget=budgets.read(rule, shape.budget, at, (channel,)))
        channels.add(name, channel, sound=path not in findings.recovered)
    return channels


def _channel(
    name: str, shape: ChannelShape, path: Path, attribute_scope: AttributeScope, findings: Findings
) -> Channel:
    kind = Kind(shape.kind)
    if kind is Kind.OUTBOUND:
        _check_outbound(name, shape, path, findings)
    if shape.consent == NOT_NEEDED:
        message = f"contacts on {quote(name)} go out without the customer's consent"
        findings.remark((*path, "consent"), Code.NO_CONSENT, message)
    elif shape.consent is not None:
        _check_purpose(shape.consent, (*path, "consent"), findings)
    if shape.address is not None:
        _check_address(shape.address, (*path, "address"), attribute_scope, findings)
    if shape.confirm is not None:
        _check_confirm(name, shape, path, findings)
    hold = span((*path, "hold"), shape.hold, findings)
    on_silence = _on_silence(kind, shape, path, findings)
    consent = None if shape.consent == NOT_NEEDED else shape.consent
    format_, formats = _formats(name, kind, shape, path, findings)
    if shape.max_segments is not None and Format.SMS not in (format_, *formats.values()):
        message = f"only short messages are counted in segments; the texts of {quote(name)} are {format_}"
        findings.key_error((*path, "max_segments"), Code.VALUE, message, "add `format: sms`")
    return Channel(
        *(name, kind, shape.address, consent, shape.cost, hold, on_silence),
        confirm=Confirm(shape.confirm or Confirm.AT_ONCE),
        format=format_,
        formats=formats,
        max_segments=shape.max_segments,
    )


def _check_purpose(purpose: str, path: Path, findings: Findings) -> None:
    word = "".join(filter(str.isalpha, purpose.lower()))
    if word in _NOT_NEEDED_WORDS or word in _NEEDED_WORDS:
        message = f"{quote(purpose)} would be a purpose, to which nobody has agreed"
        hint = f"write {NOT_NEEDED}" if word in _NOT_NEEDED_WORDS else PURPOSE
        findings.error(path, Code.VALUE, message, hint)
    else:
        check_name(purpose, path, findings)


def _on_silence(kind: Kind, shape: ChannelShape, path: Path, findings: Findings) -> OnSilence:
    """What silence means on the channel. Warns of a `hold` that nothing waits for."""
    default = OnSilence.CONFIRM if kind is Kind.OUTBOUND else OnSilence.RELEASE
    on_silence = default if shape.on_silence is None else OnSilence(shape.on_silence)
    if kind is Kind.OUTBOUND and on_silence is OnSilence.CONFIRM and "hold" in shape.model_fields_set:
        message = "`hold` does nothing here: without a report a contact counts on, as it does with `on_silence: confirm`"
        hint = "take it out, or add `on_silence: release` to have contacts lapse when it ends"
        location = findings.keys.get((*path, "hold")) or findings.location(path)
        findings.report(location, Code.NO_EFFECT, message, hint, severity=Severity.WARNING)
    return on_silence


def _formats(
    name: str, kind: Kind, shape: ChannelShape, path: Path, findings: Findings
) -> tuple[Format, dict[str, Format]]:
    """The format of the channel's fields, and those of fields with another one.

    An outbound channel in HTML is e-mail: what mail programs show outside of the message is plain.
    """
    stated = {DEFAULT: shape.format} if isinstance(shape.format, str) else dict(shape.format or {})
    rest = Format(stated.pop(DEFAULT)) if DEFAULT in stated else _format_of(name, kind)
    for field in stated:
        check_field_name(field, (*path, "format", field), findings)
    head = dict.fromkeys(MAIL_HEAD, Format.PLAIN) if _is_mail(kind, rest) else {}
    by_field = head | {field: Format(text) for field, text in stated.items()}
    return rest, dict(sorted(by_field.items()))


def _is_mail(kind: Kind, rest: Format) -> bool:
    return kind is Kind.OUTBOUND and rest is Format.HTML


def _format_of(name: str, kind: Kind) -> Format:
    """The format of a channel that states none. HTML where in doubt: unescaped values do harm in HTML."""
    if kind is Kind.INBOUND or name == "email":
        return Format.HTML
    return Format.SMS if name == "sms" else Format.PLAIN


def _check_outbound(name: str, shape: ChannelShape, path: Path, findings: Findings) -> None:
    for key, hint in (
        ("address", "name the attribute with the customer's address"),
        ("consent", f"name the purpose that the customer must have agreed to, or write {NOT_NEEDED}"),
    ):
        if getattr(shape, key) is None and (*path, key) not in findings.poisoned:
            message = f"`{key}` is missing: {quote(name)} is an outbound channel"
            findings.key_error(path, Code.MISSING, message, hint)


def _check_confirm(name: str, shape: ChannelShape, path: Path, findings: Findings) -> None:
    """Report `confirm` where it has no effect: outcomes confirm contacts on outbound channels."""
    if Kind(shape.kind) is Kind.OUTBOUND:
        message = f"{quote(name)} is an outbound channel: `delivered` confirms its contacts"
        findings.key_error((*path, "confirm"), Code.VALUE, message, "take it out")
    elif shape.confirm == "on_impression" and shape.on_silence == "confirm":
        message = "with `on_silence: confirm` contacts are confirmed whether they are shown or not"
        findings.remark((*path, "confirm"), Code.NO_EFFECT, message, Severity.WARNING)


def _check_address(name: str, path: Path, attribute_scope: AttributeScope, findings: Findings) -> None:
    attribute = attribute_scope.use(name, path, findings)
    if attribute and attribute.type is not AttributeType.TEXT:
        findings.error(path, Code.TYPE, f"an address is a text; {quote(name)} is of type {attribute.type}")


def read_placements(
    data: Mapping[str, PlainData],
    channels: SymbolTable[Channel],
    offers: SymbolTable[Offer],
    findings: Findings,
    *,
    partial: bool,
) -> SymbolTable[Placement]:
    """The section `placements`."""
    placements: SymbolTable[Placement] = SymbolTable("placement", partial=partial)
    for name, value in data.items():
        path = ("placements", name)
        shape = shaped(PlacementShape, value, path, findings)
        if shape:
            channel = channels.get(shape.channel, (*path, "channel"), findings)
            if channel and channel.kind is not Kind.INBOUND:
                message = f"a placement is on an inbound channel; {quote(shape.channel)} is outbound"
                findings.error((*path, "channel"), Code.VALUE, message)
            if shape.fallback is not None:
                _check_fallback(shape.fallback, channel, (*path, "fallback"), offers, findings)
        placements.add(name, _placement(name, shape, path, findings) if shape else None)
    return placements


def _placement(name: str, shape: PlacementShape, path: Path, findings: Findings) -> Placement:
    if shape.max_per_category is not None and shape.max_per_category >= shape.max_offers:
        message = f"the placement shows {shape.max_offers} in all, so this never matters"
        findings.remark((*path, "max_per_category"), Code.NO_EFFECT, message, Severity.WARNING)
    return Placement(name, shape.channel, shape.max_offers, shape.fallback, shape.max_per_category)


def _check_fallback(
    name: str, channel: Channel | None, path: Path, offers: SymbolTable[Offer], findings: Findings
) -> None:
    offer = offers.get(name, path, findings)
    if offer is None:
        return
    if offer.stock is not None:
        message = f"the offer {quote(name)} has a stock, and a fallback is shown without being counted"
        findings.error(path, Code.VALUE, message)
    content = offer.content
    if content is None or (channel and not content.default and channel.name not in content.channels):
        where = f"for the channel {quote(channel.name)}" if channel else "of its own"
        message = f"the offer {quote(name)} has no content {where}, so it cannot be a fallback here"
        findings.error(path, Code.CONTENT, message, "give the offer `content: {default: {…}}`")
