"""Releases of books: what is checked, published, approved, activated and rolled back, and who did it.

The files of a version stand in the log's database; an append-only list of activations says which is live. This package is
the one door: servers and commands take what they need from here.
"""

from engine.releases.apart import allow_child, bound_child, check_apart, compare_apart, limit_child
from engine.releases.check import CheckedRelease, FailedScenario, check_release
from engine.releases.commands import ReleaseActor, ReleaseCommand
from engine.releases.compare import ComparedReleases, compare_releases, patch_of
from engine.releases.desk import LogDesk
from engine.releases.drafts import (
    delete_draft_command,
    draft_message,
    read_draft,
    read_drafts,
    save_draft_command,
)
from engine.releases.errors import (
    CheckFailed,
    NotApproved,
    NotPublished,
    NotReleasable,
    Overtaken,
    OwnApproval,
    ReleaseRefused,
)
from engine.releases.files import WrongFile, check_release_files, is_test, release_files
from engine.releases.messages import (
    activate_command,
    activation_response,
    approve_command,
    check_publish,
    check_response,
    diff_response,
    file_messages,
    files_of,
    publish_command,
    publish_response,
    refusal_of,
    refuse_command,
    rollback_command,
)
from engine.releases.reading import read_list, read_pair, read_release, read_servers, read_version
from engine.releases.standing import SHORTEST, short_version

__all__ = [
    "SHORTEST",
    "CheckFailed",
    "CheckedRelease",
    "ComparedReleases",
    "FailedScenario",
    "LogDesk",
    "NotApproved",
    "NotPublished",
    "NotReleasable",
    "Overtaken",
    "OwnApproval",
    "ReleaseActor",
    "ReleaseCommand",
    "ReleaseRefused",
    "WrongFile",
    "activate_command",
    "activation_response",
    "allow_child",
    "approve_command",
    "bound_child",
    "check_apart",
    "check_publish",
    "check_release",
    "check_release_files",
    "check_response",
    "compare_apart",
    "compare_releases",
    "delete_draft_command",
    "diff_response",
    "draft_message",
    "file_messages",
    "files_of",
    "is_test",
    "limit_child",
    "patch_of",
    "publish_command",
    "publish_response",
    "read_draft",
    "read_drafts",
    "read_list",
    "read_pair",
    "read_release",
    "read_servers",
    "read_version",
    "refusal_of",
    "refuse_command",
    "release_files",
    "rollback_command",
    "save_draft_command",
    "short_version",
]
