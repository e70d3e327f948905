"""A digest without ``hashlib``, whose import brings in OpenSSL: 3.5 MB of memory that nothing here uses."""

try:
    from _blake2 import blake2b
except ImportError:  # a Python that was built without it
    from hashlib import blake2b

_BYTES = 20


def digest(data: bytes) -> str:
    """BLAKE2b (RFC 7693) of ``data``, hexadecimal."""
    return blake2b(data, digest_size=_BYTES).hexdigest()
