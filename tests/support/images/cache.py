"""Built once for what it is made of: directories under .cache/images, named by a hash of their inputs."""

import fcntl
import hashlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

CACHE = Path(__file__).resolve().parents[3] / ".cache/images"


def digest(parts: Iterable[bytes]) -> str:
    """A name for inputs; where one part ends and the next begins counts."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.hexdigest()[:16]


def built(kind: str, inputs: Iterable[bytes], build: Callable[[Path], None], cache: Path = CACHE) -> Path:
    """The directory KIND-DIGEST that ``build`` fills; whole or not there, made by one process at a time.

    Others of its kind are removed when it is new: their inputs are of the past.
    """
    directory = cache / f"{kind}-{digest(inputs)}"
    if directory.exists():
        return directory
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{kind}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():  # another process may have built it meanwhile
            _remove(cache.glob(f"{kind}-*"))
            _fill(directory, build)
    return directory


def _remove(directories: Iterable[Path]) -> None:
    """Nobody sees half of one; what an interrupted run left is among them."""
    for directory in directories:
        with tempfile.TemporaryDirectory(prefix="removed-", dir=directory.parent) as trash:
            directory.rename(Path(trash) / directory.name)


def _fill(directory: Path, build: Callable[[Path], None]) -> None:
    """Build beside it, then rename."""
    with tempfile.TemporaryDirectory(prefix=f"{directory.name}.", dir=directory.parent) as scratch:
        unfinished = Path(scratch) / directory.name
        unfinished.mkdir()
        build(unfinished)
        unfinished.rename(directory)
