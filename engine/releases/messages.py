"""Translates releases from the contract's messages to commands, and from rows to messages."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version as version_of_package
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from engine.api.v1 import rulebooks_pb2 as pb
from engine.ledger.store.release_rows import ActivationRow, ApprovalRow, AuditRow, PublicationRow, ServerRow
from engine.model.instant import Instant
from engine.releases.check import CheckedRelease, refusals
from engine.releases.commands import (
    ActivateCommand,
    ActivatedRelease,
    ApproveCommand,
    PublishCommand,
    PublishedRelease,
    RefusePublishCommand,
    ReleaseActor,
    RollbackCommand,
)
from engine.releases.compare import ComparedReleases
from engine.releases.files import (
    WrongFile,
    check_note,
    check_release_files,
    digest_of_files,
    is_test,
    text_of_files,
)
from engine.releases.standing import ApprovalVerdict
from engine.rulebook.report.diagnostics import Severity, in_short
from engine.wire.violations import FieldViolation, InvalidMessage

_LONGEST_NAME = 200
"""Characters of a book's name and of a version."""


_LONGEST_COMMIT = 64


_MOST_LISTED, _LISTED = 1_000, 50


_MOST_REMARKS = 100


_MOST_CAUSE = 1_000
"""Characters of why a book was refused, in the audit."""


@cache
def engine_version() -> str:
    """The version of Tact that runs."""
    return version_of_package("tact")


# ---------------------------------------------------------------- what is asked


def files_of(messages: Iterable[pb.BookFile]) -> dict[str, bytes]:
    """The files by name; raises InvalidMessage for names, sizes and encodings that no release has."""
    files: dict[str, bytes] = {}
    for message in messages:
        if message.name in files:
            raise InvalidMessage([FieldViolation("files", f"{message.name}: stands there twice")])
        files[message.name] = message.content
    try:
        check_release_files(files)
    except WrongFile as error:
        raise InvalidMessage([FieldViolation("files", str(error))]) from None
    return files


def publish_command(
    request: pb.PublishRequest, files: Mapping[str, bytes], checked: CheckedRelease, actor: ReleaseActor
) -> PublishCommand:
    """The command that keeps what was checked and is fine."""
    own = {name: files[name] for name in checked.own}
    tests = {name: content for name, content in files.items() if is_test(name)}
    remarks = [in_short(remark) for remark in checked.diagnostics[:_MOST_REMARKS]]
    source = request.source
    row = PublicationRow(
        checked.version,
        checked.name,
        digest_of_files({**own, **tests}),
        engine_version(),
        actor.at,
        actor.name,
        "",
        request.note,
        json.dumps({"commit": source.commit, "dirty": source.dirty}) if source.commit else "",
        json.dumps(remarks, ensure_ascii=False),
        checked.passed,
        text_of_files(tests),
    )
    return PublishCommand(actor, row, text_of_files(own))


def refuse_command(checked: CheckedRelease, actor: ReleaseActor) -> RefusePublishCommand:
    """The command that notes that a book was refused."""
    (where, what), *others = refusals(checked)
    more = f", and {len(others):,} more" if others else ""
    return RefusePublishCommand(actor, checked.name, checked.version, f"{where}: {what}"[:_MOST_CAUSE] + more)


def refusal_of(checked: CheckedRelease) -> InvalidMessage:
    """Why a book is refused: everything that is wrong with it."""
    return InvalidMessage([FieldViolation(where, what) for where, what in refusals(checked)])


def check_publish(request: pb.PublishRequest) -> None:
    """Raises InvalidMessage for a note or a source that is wrong: to be called before the check, which takes long."""
    _check("note", check_note, request.note)
    commit = request.source.commit
    if len(commit) > _LONGEST_COMMIT or not all(character in "0123456789abcdef" for character in commit):
        raise InvalidMessage([FieldViolation("source.commit", "is the hash of a commit, in hexadecimal")])


def approve_command(request: pb.ApproveRequest, actor: ReleaseActor) -> ApproveCommand:
    """The command of the request; raises InvalidMessage."""
    _check("version", _version, request.version)
    _check("note", check_note, request.note)
    verdict = _VERDICTS.get(request.verdict)
    if verdict is None:
        raise InvalidMessage(
            [FieldViolation("verdict", "is RELEASE_VERDICT_APPROVED or RELEASE_VERDICT_REJECTED")]
        )
    return ApproveCommand(actor, request.version, verdict, request.note)


def activate_command(
    request: pb.ActivateRequest | pb.StageRequest, actor: ReleaseActor, approvals: int
) -> ActivateCommand:
    """The command of the request; raises InvalidMessage. approvals: how many a version needs."""
    _check("version", _version, request.version)
    _check("name", _name, request.name)
    _check("expected", _name, request.expected)
    _check("note", check_note, request.note)
    share = None
    if isinstance(request, pb.StageRequest):
        share = request.share
        if not 0 < share < 1:
            raise InvalidMessage([FieldViolation("share", f"is above 0 and below 1, not {share:g}")])
    return ActivateCommand(
        actor,
        request.version,
        request.name,
        request.expected if request.HasField("expected") else None,
        request.note,
        approvals,
        share,
        request.emergency,
    )


def rollback_command(request: pb.RollbackRequest, actor: ReleaseActor) -> RollbackCommand:
    """The command of the request; raises InvalidMessage."""
    if not request.name:
        raise InvalidMessage([FieldViolation("name", "is required")])
    _check("name", _name, request.name)
    _check("version", _name, request.version)
    _check("expected", _name, request.expected)
    _check("note", check_note, request.note)
    expected = request.expected if request.HasField("expected") else None
    return RollbackCommand(actor, request.name, request.version, expected, request.note)


def list_query(request: pb.ListRequest) -> tuple[str, int, bool]:
    """The name, how many, and whether with the audit; raises InvalidMessage."""
    _check("name", _name, request.name)
    if not 0 <= request.most <= _MOST_LISTED:
        raise InvalidMessage([FieldViolation("most", f"is at most {_MOST_LISTED:,}, not {request.most}")])
    return request.name, request.most or _LISTED, request.audit


def versions_asked(**versions: str) -> None:
    """Raises InvalidMessage for versions that cannot be any, by their fields."""
    for field, version in versions.items():
        _check(field, _version, version)


def name_asked(name: str) -> None:
    """Raises InvalidMessage for a name that cannot be a book's."""
    _check("name", _name, name)


def _check(field: str, check: Callable[[str], None], text: str) -> None:
    try:
        check(text)
    except ValueError as error:
        raise InvalidMessage([FieldViolation(field, str(error))]) from None


def _name(text: str) -> None:
    if len(text) > _LONGEST_NAME or not text.isprintable():
        raise ValueError(f"is printable and of at most {_LONGEST_NAME} characters")


def _version(text: str) -> None:
    if not text:
        raise ValueError("is required")
    _name(text)


_VERDICTS: Mapping[int, ApprovalVerdict] = {
    pb.RELEASE_VERDICT_APPROVED: ApprovalVerdict.APPROVED,
    pb.RELEASE_VERDICT_REJECTED: ApprovalVerdict.REJECTED,
}


# ---------------------------------------------------------------- what is answered


def check_response(checked: CheckedRelease) -> pb.CheckResponse:
    """What a check found."""
    return pb.CheckResponse(
        ok=checked.ok,
        name=checked.name,
        version=checked.version,
        diagnostics=[
            pb.BookDiagnostic(
                file=remark.file,
                line=remark.line,
                column=remark.column,
                code=remark.code,
                severity=remark.severity,
                message=remark.message,
                hint=remark.hint,
            )
            for remark in checked.diagnostics
        ],
        passed=checked.passed,
        failed=[
            pb.ScenarioFailure(name=failed.name, file=failed.file, line=failed.line, unmet=failed.unmet)
            for failed in checked.failed
        ],
    )


def publish_response(
    published: PublishedRelease, checked: CheckedRelease, release: pb.Release
) -> pb.PublishResponse:
    """What is kept now, with what a reader should know of it."""
    warnings = [in_short(remark) for remark in checked.diagnostics if remark.severity is Severity.WARNING]
    if published.differs:
        row = published.publication
        warnings.insert(
            0,
            f"the log has this version since {row.author} published it, or a server served it, with other comments or"
            " scenarios: those stay, and the ones of these files are not kept",
        )
    return pb.PublishResponse(release=release, is_new=published.is_new, warnings=warnings)


def activation_response(activated: ActivatedRelease) -> pb.ActivationResponse:
    """What is live now."""
    return pb.ActivationResponse(activation=activation_message(activated.activation), is_new=activated.is_new)


def release_message(row: PublicationRow, state: str, said: Sequence[ApprovalRow]) -> pb.Release:
    """A published version."""
    return pb.Release(
        version=row.version,
        name=row.name,
        state=state,
        author=row.author,
        published_at=_timestamp(row.published_at),
        note=row.note,
        source=pb.ReleaseSource(**json.loads(row.source)) if row.source else None,
        base=row.base,
        digest=row.digest,
        engine=row.engine,
        remarks=json.loads(row.diagnostics),
        scenarios=row.scenarios,
        approvals=map(_approval_message, said),
    )


def _approval_message(row: ApprovalRow) -> pb.Approval:
    verdict = next(number for number, verdict in _VERDICTS.items() if verdict == row.verdict)
    return pb.Approval(
        approver=row.approver,
        verdict=verdict,  # type: ignore[arg-type] # a number of the enum
        at=_timestamp(row.at),
        note=row.note,
    )


def activation_message(row: ActivationRow) -> pb.Activation:
    """A change of what is live."""
    fields: dict[str, Any] = row._asdict()
    del fields["salt"]
    return pb.Activation(**{**fields, "at": _timestamp(row.at)})


def audit_message(row: AuditRow) -> pb.AuditEntry:
    """Something that somebody did."""
    fields: dict[str, Any] = row._asdict()
    del fields["id"]
    return pb.AuditEntry(**{**fields, "at": _timestamp(row.at)})


def server_message(row: ServerRow) -> pb.FollowingServer:
    """A server that follows a book."""
    fields: dict[str, Any] = row._asdict()
    return pb.FollowingServer(
        **{**fields, "since": _timestamp(row.since), "seen_at": _timestamp(row.seen_at)}
    )


def file_messages(files: Mapping[str, str]) -> list[pb.BookFile]:
    """The files of a version."""
    return [pb.BookFile(name=name, content=text.encode()) for name, text in sorted(files.items())]


def diff_response(old: str, new: str, compared: ComparedReleases) -> pb.DiffResponse:
    """What differs between two versions."""
    names = [
        pb.NameChange(section=name.section, name=name.name, change=name.change) for name in compared.names
    ]
    return pb.DiffResponse(old=old, new=new, names=names, lines=compared.lines, cut=compared.cut)


def _timestamp(instant: Instant) -> Timestamp:
    return Timestamp(seconds=instant // 1_000_000, nanos=instant % 1_000_000 * 1000)
