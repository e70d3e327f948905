"""Digests without ``hashlib``, whose import brings in OpenSSL: 3.5 MB of memory that nothing here uses."""

try:
    from _blake2 import blake2b
except ImportError:  # a Python that was built without it
    from hashlib import blake2b

_BYTES = 20


def digest(*parts: bytes) -> str:
    """BLAKE2b (RFC 7693) of ``parts``, one after the other, hexadecimal."""
    whole = Digest()
    for part in parts:
        whole.update(part)
    return whole.text()


class Digest:
    """The same of what comes piece by piece."""

    def __init__(self) -> None:
        self._state = blake2b(digest_size=_BYTES)

    def update(self, piece: bytes | memoryview) -> None:
        """One more piece."""
        self._state.update(piece)

    def text(self) -> str:
        """The digest of all of them."""
        return self._state.hexdigest()
