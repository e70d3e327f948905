"""What ends a build, as sentences for a person."""


class DebError(Exception):
    """No package or chroot came of it; the text says why and what to do."""
