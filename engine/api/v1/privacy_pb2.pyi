import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExportCustomerRequest(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    def __init__(self, customer_id: _Optional[str] = ...) -> None: ...

class ExportCustomerResponse(_message.Message):
    __slots__ = ("head", "row")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    head: ExportHead
    row: ExportRow
    def __init__(self, head: _Optional[_Union[ExportHead, _Mapping]] = ..., row: _Optional[_Union[ExportRow, _Mapping]] = ...) -> None: ...

class ExportHead(_message.Message):
    __slots__ = ("customer_id", "person_id", "names", "made_at", "sections")
    class SectionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    person_id: str
    names: _containers.RepeatedScalarFieldContainer[str]
    made_at: _timestamp_pb2.Timestamp
    sections: _containers.ScalarMap[str, str]
    def __init__(self, customer_id: _Optional[str] = ..., person_id: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., made_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sections: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ExportRow(_message.Message):
    __slots__ = ("section", "json")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    section: str
    json: str
    def __init__(self, section: _Optional[str] = ..., json: _Optional[str] = ...) -> None: ...

class EraseRequest(_message.Message):
    __slots__ = ("customer_id", "reference")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    reference: str
    def __init__(self, customer_id: _Optional[str] = ..., reference: _Optional[str] = ...) -> None: ...

class EraseResponse(_message.Message):
    __slots__ = ("receipt_id", "erased_at", "deleted", "severed", "suppressed", "runs")
    class DeletedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class SeveredEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RECEIPT_ID_FIELD_NUMBER: _ClassVar[int]
    ERASED_AT_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    SEVERED_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    receipt_id: str
    erased_at: _timestamp_pb2.Timestamp
    deleted: _containers.ScalarMap[str, int]
    severed: _containers.ScalarMap[str, int]
    suppressed: int
    runs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, receipt_id: _Optional[str] = ..., erased_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deleted: _Optional[_Mapping[str, int]] = ..., severed: _Optional[_Mapping[str, int]] = ..., suppressed: _Optional[int] = ..., runs: _Optional[_Iterable[str]] = ...) -> None: ...

class ObjectRequest(_message.Message):
    __slots__ = ("customer_id", "purpose", "reference")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    purpose: str
    reference: str
    def __init__(self, customer_id: _Optional[str] = ..., purpose: _Optional[str] = ..., reference: _Optional[str] = ...) -> None: ...

class WithdrawObjectionRequest(_message.Message):
    __slots__ = ("customer_id", "purpose", "reference")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    purpose: str
    reference: str
    def __init__(self, customer_id: _Optional[str] = ..., purpose: _Optional[str] = ..., reference: _Optional[str] = ...) -> None: ...

class ObjectionResponse(_message.Message):
    __slots__ = ("purposes", "is_new")
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    purposes: _containers.RepeatedScalarFieldContainer[str]
    is_new: bool
    def __init__(self, purposes: _Optional[_Iterable[str]] = ..., is_new: _Optional[bool] = ...) -> None: ...
