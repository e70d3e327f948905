"""The disk of a virtual machine: a copy-on-write file over one that all share."""

import json
import subprocess
from pathlib import Path
from typing import Literal


def overlay(backing: Path, kind: Literal["raw", "qcow2"], file: Path) -> None:
    """Make ``file`` a disk that begins as ``backing``, which has to stay as it is.

    No lock is taken on what nobody writes to: that of a User Mode Linux on it would be in the way.
    """
    plain = {"driver": "file", "filename": str(backing), "locking": "off"}
    below = f"json:{json.dumps({'driver': kind, 'file': plain})}"
    _run("qemu-img", "create", "-q", "-f", "qcow2", "-F", kind, "-b", below, str(file))


def extract(disk: Path, path: str, target: Path) -> None:
    """Copy a file off a disk whose machine has been shut down; FileNotFoundError when it is not there."""
    whole = target.with_suffix(".disk")
    try:
        _run("qemu-img", "convert", "-O", "raw", str(disk), str(whole))
        _run("debugfs", "-R", f'dump "{path}" "{target}"', str(whole))
    finally:
        whole.unlink(missing_ok=True)
    if not target.exists() or target.stat().st_size == 0:
        raise FileNotFoundError(f"{path} is not on the disk")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
