"""A guest's configuration, /proc and /sys on the machine itself.

User Mode Linux makes system calls and processes many times dearer, each by a factor of its own. What only
reads can be measured on a copy too, at the cost that it has elsewhere. Nothing of this machine is read or
changed: kmodd is told to report only.
"""

import base64
import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kmodd.config.paths import ConfigPaths
from kmodd.daemon.places import Places
from kmodd.kernel.roots import Roots
from tests.support.uml.process import MODULES


@dataclass(frozen=True, slots=True)
class Copy:
    """``places`` for kmodd; ``base`` and ``release`` for modprobe (--dirname, --set-version)."""

    places: Places
    base: Path
    release: str


@contextmanager
def unpacked(text: str) -> Iterator[Copy]:
    """The copy that ``bench.guest.copy.pack`` made, for the length of a with block."""
    with tempfile.TemporaryDirectory(prefix="kmodd-bench-") as name:
        base = Path(name)
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text)), mode="r:gz") as archive:
            archive.extractall(base, filter="data")
        release = (base / "proc/sys/kernel/osrelease").read_text().strip()
        (base / "lib/modules").mkdir(parents=True)
        (base / "lib/modules" / release).symlink_to(MODULES / release)
        (base / "etc/kmodd").mkdir()
        (base / "etc/kmodd/kmodd.toml").write_text("enforce = false\n")
        yield Copy(places_of(base, release), base, release)


def places_of(base: Path, release: str) -> Places:
    """Where kmodd finds everything of a copy that lies in ``base``."""
    config = ConfigPaths(
        directories=(base / "etc/kmodd.d",),
        settings=base / "etc/kmodd/kmodd.toml",
        runtime_dir=base / "run/kmodd",
        state_dir=base / "var/lib/kmodd",
    )
    roots = Roots(
        proc=str(base / "proc"),
        sys=str(base / "sys"),
        module_tree=str(MODULES / release),
        modprobe_dirs=(),
    )
    return Places(
        config,
        roots,
        MODULES,
        (),
        base / "run/modprobe.d",
        (str(base / "pstore"),),
        f"unix:path={base}/no-bus",
    )
