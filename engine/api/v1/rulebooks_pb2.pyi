import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReleaseVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELEASE_VERDICT_UNSPECIFIED: _ClassVar[ReleaseVerdict]
    RELEASE_VERDICT_APPROVED: _ClassVar[ReleaseVerdict]
    RELEASE_VERDICT_REJECTED: _ClassVar[ReleaseVerdict]
RELEASE_VERDICT_UNSPECIFIED: ReleaseVerdict
RELEASE_VERDICT_APPROVED: ReleaseVerdict
RELEASE_VERDICT_REJECTED: ReleaseVerdict

class BookFile(_message.Message):
    __slots__ = ("name", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    content: bytes
    def __init__(self, name: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class BookDiagnostic(_message.Message):
    __slots__ = ("file", "line", "column", "code", "severity", "message", "hint")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    file: str
    line: int
    column: int
    code: str
    severity: str
    message: str
    hint: str
    def __init__(self, file: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., code: _Optional[str] = ..., severity: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class ScenarioFailure(_message.Message):
    __slots__ = ("name", "file", "line", "unmet")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    UNMET_FIELD_NUMBER: _ClassVar[int]
    name: str
    file: str
    line: int
    unmet: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., unmet: _Optional[_Iterable[str]] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("files",)
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[BookFile]
    def __init__(self, files: _Optional[_Iterable[_Union[BookFile, _Mapping]]] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("ok", "name", "version", "diagnostics", "passed", "failed")
    OK_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    name: str
    version: str
    diagnostics: _containers.RepeatedCompositeFieldContainer[BookDiagnostic]
    passed: int
    failed: _containers.RepeatedCompositeFieldContainer[ScenarioFailure]
    def __init__(self, ok: _Optional[bool] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., diagnostics: _Optional[_Iterable[_Union[BookDiagnostic, _Mapping]]] = ..., passed: _Optional[int] = ..., failed: _Optional[_Iterable[_Union[ScenarioFailure, _Mapping]]] = ...) -> None: ...

class ReleaseSource(_message.Message):
    __slots__ = ("commit", "dirty")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    DIRTY_FIELD_NUMBER: _ClassVar[int]
    commit: str
    dirty: bool
    def __init__(self, commit: _Optional[str] = ..., dirty: _Optional[bool] = ...) -> None: ...

class PublishRequest(_message.Message):
    __slots__ = ("files", "note", "source")
    FILES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[BookFile]
    note: str
    source: ReleaseSource
    def __init__(self, files: _Optional[_Iterable[_Union[BookFile, _Mapping]]] = ..., note: _Optional[str] = ..., source: _Optional[_Union[ReleaseSource, _Mapping]] = ...) -> None: ...

class PublishResponse(_message.Message):
    __slots__ = ("release", "is_new", "warnings")
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    release: Release
    is_new: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, release: _Optional[_Union[Release, _Mapping]] = ..., is_new: _Optional[bool] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class ApproveRequest(_message.Message):
    __slots__ = ("version", "verdict", "note")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    version: str
    verdict: ReleaseVerdict
    note: str
    def __init__(self, version: _Optional[str] = ..., verdict: _Optional[_Union[ReleaseVerdict, str]] = ..., note: _Optional[str] = ...) -> None: ...

class ApproveResponse(_message.Message):
    __slots__ = ("release", "needed")
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    release: Release
    needed: int
    def __init__(self, release: _Optional[_Union[Release, _Mapping]] = ..., needed: _Optional[int] = ...) -> None: ...

class ActivateRequest(_message.Message):
    __slots__ = ("version", "name", "expected", "note", "emergency")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    version: str
    name: str
    expected: str
    note: str
    emergency: bool
    def __init__(self, version: _Optional[str] = ..., name: _Optional[str] = ..., expected: _Optional[str] = ..., note: _Optional[str] = ..., emergency: _Optional[bool] = ...) -> None: ...

class StageRequest(_message.Message):
    __slots__ = ("version", "name", "share", "expected", "note", "emergency")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    version: str
    name: str
    share: float
    expected: str
    note: str
    emergency: bool
    def __init__(self, version: _Optional[str] = ..., name: _Optional[str] = ..., share: _Optional[float] = ..., expected: _Optional[str] = ..., note: _Optional[str] = ..., emergency: _Optional[bool] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("name", "version", "expected", "note")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    expected: str
    note: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., expected: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class ActivationResponse(_message.Message):
    __slots__ = ("activation", "is_new")
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    activation: Activation
    is_new: bool
    def __init__(self, activation: _Optional[_Union[Activation, _Mapping]] = ..., is_new: _Optional[bool] = ...) -> None: ...

class Activation(_message.Message):
    __slots__ = ("id", "name", "version", "previous", "action", "share", "at", "actor", "note", "emergency")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    version: str
    previous: str
    action: str
    share: float
    at: _timestamp_pb2.Timestamp
    actor: str
    note: str
    emergency: bool
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., previous: _Optional[str] = ..., action: _Optional[str] = ..., share: _Optional[float] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., note: _Optional[str] = ..., emergency: _Optional[bool] = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("approver", "verdict", "at", "note")
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    approver: str
    verdict: ReleaseVerdict
    at: _timestamp_pb2.Timestamp
    note: str
    def __init__(self, approver: _Optional[str] = ..., verdict: _Optional[_Union[ReleaseVerdict, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., note: _Optional[str] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("version", "name", "state", "author", "published_at", "note", "source", "base", "digest", "engine", "remarks", "scenarios", "approvals")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    REMARKS_FIELD_NUMBER: _ClassVar[int]
    SCENARIOS_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    version: str
    name: str
    state: str
    author: str
    published_at: _timestamp_pb2.Timestamp
    note: str
    source: ReleaseSource
    base: str
    digest: str
    engine: str
    remarks: _containers.RepeatedScalarFieldContainer[str]
    scenarios: int
    approvals: _containers.RepeatedCompositeFieldContainer[Approval]
    def __init__(self, version: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., author: _Optional[str] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., note: _Optional[str] = ..., source: _Optional[_Union[ReleaseSource, _Mapping]] = ..., base: _Optional[str] = ..., digest: _Optional[str] = ..., engine: _Optional[str] = ..., remarks: _Optional[_Iterable[str]] = ..., scenarios: _Optional[int] = ..., approvals: _Optional[_Iterable[_Union[Approval, _Mapping]]] = ...) -> None: ...

class AuditEntry(_message.Message):
    __slots__ = ("at", "actor", "via", "action", "name", "version", "result", "note")
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    actor: str
    via: str
    action: str
    name: str
    version: str
    result: str
    note: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., via: _Optional[str] = ..., action: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., result: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("name", "most", "audit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    most: int
    audit: bool
    def __init__(self, name: _Optional[str] = ..., most: _Optional[int] = ..., audit: _Optional[bool] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("names", "releases", "activations", "audit")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    RELEASES_FIELD_NUMBER: _ClassVar[int]
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    releases: _containers.RepeatedCompositeFieldContainer[Release]
    activations: _containers.RepeatedCompositeFieldContainer[Activation]
    audit: _containers.RepeatedCompositeFieldContainer[AuditEntry]
    def __init__(self, names: _Optional[_Iterable[str]] = ..., releases: _Optional[_Iterable[_Union[Release, _Mapping]]] = ..., activations: _Optional[_Iterable[_Union[Activation, _Mapping]]] = ..., audit: _Optional[_Iterable[_Union[AuditEntry, _Mapping]]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("version", "name")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    version: str
    name: str
    def __init__(self, version: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("release", "files")
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    release: Release
    files: _containers.RepeatedCompositeFieldContainer[BookFile]
    def __init__(self, release: _Optional[_Union[Release, _Mapping]] = ..., files: _Optional[_Iterable[_Union[BookFile, _Mapping]]] = ...) -> None: ...

class DiffRequest(_message.Message):
    __slots__ = ("old", "new")
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    old: str
    new: str
    def __init__(self, old: _Optional[str] = ..., new: _Optional[str] = ...) -> None: ...

class NameChange(_message.Message):
    __slots__ = ("section", "name", "change")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    section: str
    name: str
    change: str
    def __init__(self, section: _Optional[str] = ..., name: _Optional[str] = ..., change: _Optional[str] = ...) -> None: ...

class DiffResponse(_message.Message):
    __slots__ = ("old", "new", "names", "lines", "cut")
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    old: str
    new: str
    names: _containers.RepeatedCompositeFieldContainer[NameChange]
    lines: _containers.RepeatedScalarFieldContainer[str]
    cut: bool
    def __init__(self, old: _Optional[str] = ..., new: _Optional[str] = ..., names: _Optional[_Iterable[_Union[NameChange, _Mapping]]] = ..., lines: _Optional[_Iterable[str]] = ..., cut: _Optional[bool] = ...) -> None: ...

class ServersRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class FollowingServer(_message.Message):
    __slots__ = ("server", "name", "version", "staged", "activation", "since", "seen_at", "refused", "cause", "engine")
    SERVER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STAGED_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    server: str
    name: str
    version: str
    staged: str
    activation: int
    since: _timestamp_pb2.Timestamp
    seen_at: _timestamp_pb2.Timestamp
    refused: str
    cause: str
    engine: str
    def __init__(self, server: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., staged: _Optional[str] = ..., activation: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., refused: _Optional[str] = ..., cause: _Optional[str] = ..., engine: _Optional[str] = ...) -> None: ...

class ServersResponse(_message.Message):
    __slots__ = ("servers",)
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedCompositeFieldContainer[FollowingServer]
    def __init__(self, servers: _Optional[_Iterable[_Union[FollowingServer, _Mapping]]] = ...) -> None: ...

class Draft(_message.Message):
    __slots__ = ("name", "revision", "author", "base", "updated_at", "size", "files")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    author: str
    base: str
    updated_at: _timestamp_pb2.Timestamp
    size: int
    files: _containers.RepeatedCompositeFieldContainer[BookFile]
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., author: _Optional[str] = ..., base: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., size: _Optional[int] = ..., files: _Optional[_Iterable[_Union[BookFile, _Mapping]]] = ...) -> None: ...

class SaveDraftRequest(_message.Message):
    __slots__ = ("name", "expected", "files", "base")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    name: str
    expected: str
    files: _containers.RepeatedCompositeFieldContainer[BookFile]
    base: str
    def __init__(self, name: _Optional[str] = ..., expected: _Optional[str] = ..., files: _Optional[_Iterable[_Union[BookFile, _Mapping]]] = ..., base: _Optional[str] = ...) -> None: ...

class GetDraftRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListDraftsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDraftsResponse(_message.Message):
    __slots__ = ("drafts",)
    DRAFTS_FIELD_NUMBER: _ClassVar[int]
    drafts: _containers.RepeatedCompositeFieldContainer[Draft]
    def __init__(self, drafts: _Optional[_Iterable[_Union[Draft, _Mapping]]] = ...) -> None: ...

class DeleteDraftRequest(_message.Message):
    __slots__ = ("name", "expected")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    expected: str
    def __init__(self, name: _Optional[str] = ..., expected: _Optional[str] = ...) -> None: ...

class DeleteDraftResponse(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: bool
    def __init__(self, deleted: _Optional[bool] = ...) -> None: ...
