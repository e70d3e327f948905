"""MESSAGE_ID= of what is logged (systemd.journal-fields(7)); systemd/kmodd.catalog explains each to a person.

They never change: people filter by them.
"""

from enum import StrEnum


class MessageId(StrEnum):
    """Kinds of log entries that are worth an explanation; what else is logged has none."""

    ACTION_DONE = "8b4bbf69dbb54f688bf302b69a83ac4e"
    """A module was loaded, unloaded, or had parameters written, and that was read back."""
    ACTION_FAILED = "4a9e340e637442d594997954e73c3713"
    """The same, refused or failed; CODE says which way."""
    NOT_AS_DECLARED = "11ffeba19e7b4ba7b22f451cd0fc16e2"
    """A module is not as declared and nothing is done about it now; CODE is its condition, or its failure."""
    AS_DECLARED_AGAIN = "43d69130150f4e28996cc8dffe267720"
    """The same module, when that is over."""
    FILE_ISSUE = "a89fc6df71824ade9870a7a68e461e0a"
    """Something is wrong with a configuration file; CODE says what."""
    INITRAMFS_STALE = "5a5abcbd4f3c4f4f9046c5ee58d35b6e"
    """What is loaded from the initramfs does not go by the files of today."""
    CRASHED = "e8e0755638054820af849f7ef009e4a8"
    """A change of the kernel crashed in it, and is not tried again in this boot."""
    SUSPECT = "e9fcb9b4fded40299c577b849a4df0b1"
    """The machine went down during a change, which is tried once more, last and alone."""
    QUARANTINED = "f9ebf7114b574fd586e048f164591458"
    """A change crashed the kernel, or the machine went down during it twice: it is not made any more."""
    RELEASED = "89bf51642ee048ee97fde010ac5a7b92"
    """Somebody has ended a quarantine."""
    ONLY_REPORTS = "7c7b2ec7317a45d1b7ac5c9b47e80abc"
    """kmodd has been told to change nothing."""
    ROLLED_BACK = "0e3b6a1cf7a24a5d9ad7a2f1c58b7e4d"
    """A checkpoint was not committed, and what kmodd did since is taken back."""
    TROUBLE = "381cffa636d04521a8a4bf71e4b7a174"
    """A pass cannot be made, or not wholly."""
    TROUBLE_OVER = "8d86a1b73bff4e8e9095b23584e21870"
    """The same trouble is over."""
    NO_BUS = "b1f03e88a36342c586e3d293f133557c"
    """There is no system bus; kmodd goes on without."""
    CANNOT_START = "a060705377f34ac788d34b1725523ba1"
    """kmodd ends at once; CODE is its error code."""
    DEFECT = "5aaae347fad44035a56a093799cd9b27"
    """kmodd ends because of a defect in itself."""
