"""What Debian's packages put into modprobe.d and modules-load.d: fetched with apt, unpacked, never installed.

The files are other people's, so they are not kept here; a cache under .cache/ has them by name and version.
"""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("debian-packages.txt")
CACHE = Path(__file__).resolve().parents[2] / ".cache/debian-packages"
_ROOTS = ("etc", "usr/lib", "lib")


class DebianPackagesMissing(Exception):
    """apt cannot provide the packages, after one ``apt-get update``; the message has what apt said."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list: a package and the kinds of lines that its files have."""

    name: str
    ships: frozenset[str]


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """A package's files, as paths into the cache."""

    name: str
    modprobe: tuple[Path, ...]
    modules_load: tuple[Path, ...]


def listed(path: Path = LIST) -> tuple[Listed, ...]:
    """The checked-in list; ValueError for a line without a package's kinds."""
    lines = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    for words in lines:
        if len(words) < 2:
            raise ValueError(f"{path.name}: what does {words[0]} ship?")
    return tuple(Listed(words[0], frozenset(words[1:])) for words in lines)


def fetch(names: Sequence[str], cache: Path = CACHE) -> tuple[PackageFiles, ...]:
    """The files of each package in the version that apt would install; downloads what ``cache`` lacks.

    Raises DebianPackagesMissing.
    """
    try:
        return _fetch(names, cache)
    except DebianPackagesMissing:  # apt's lists may be missing, or name versions that are gone
        _update_lists()
    return _fetch(names, cache)


def lines_of(path: Path) -> tuple[str, ...]:
    """The lines of a configuration file that say something, continued ones (modprobe.d(5)) joined."""
    lines = path.read_text().replace("\\\n", "").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and line.strip()[0] not in "#;")


def _fetch(names: Sequence[str], cache: Path) -> tuple[PackageFiles, ...]:
    unpacked = {name: cache / archive.removesuffix(".deb") for name, archive in _archives(names).items()}
    missing = [name for name, directory in unpacked.items() if not directory.exists()]
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as scratch:
            _download(missing, Path(scratch))
            for name in missing:
                _unpack(Path(scratch) / f"{unpacked[name].name}.deb", unpacked[name])
    return tuple(
        PackageFiles(name, _files(directory, "modprobe.d"), _files(directory, "modules-load.d"))
        for name, directory in unpacked.items()
    )


def _files(unpacked: Path, kind: str) -> tuple[Path, ...]:
    return tuple(path for root in _ROOTS for path in sorted((unpacked / root / kind).glob("*.conf")))


# --------------------------------------------------------------------------------------- apt, dpkg-deb


def _archives(names: Sequence[str]) -> dict[str, str]:
    """File names NAME_VERSION_ARCHITECTURE.deb by package, which apt's lists tell without a download."""
    answer = _apt("download", "--print-uris", *names, cwd=Path("/"))
    archives = [line.split()[1] for line in answer.splitlines() if line.startswith("'")]
    by_name = {archive.split("_")[0]: archive for archive in archives}
    return {name: by_name[name] for name in names}


def _download(names: Sequence[str], directory: Path) -> None:
    """All in one go; apt checks what comes against its signed lists."""
    _apt("download", *names, cwd=directory)


def _update_lists() -> None:
    """Whether it helped, the next try shows: one source of many that fails is no reason to give up."""
    root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    subprocess.run([*root, "apt-get", "--quiet", "update"], capture_output=True, check=False)


def _apt(*arguments: str, cwd: Path) -> str:
    """What ``apt-get ARGUMENTS`` prints."""
    command = ["apt-get", "--quiet", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DebianPackagesMissing(
            "these tests need files of Debian's packages, from apt or from an earlier run's "
            f".cache/debian-packages; this failed: {' '.join(command)}\n{done.stderr}"
        )
    return done.stdout


def _unpack(archive: Path, target: Path) -> None:
    """Regular files of the two directories; ``target`` appears when all of them are there."""
    unfinished = archive.with_suffix("")
    unfinished.mkdir()
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as members,
    ):
        for member in members:
            content = members.extractfile(member) if _is_wanted(member) else None
            if content is not None:
                path = unfinished / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    unfinished.rename(target)


def _is_wanted(member: tarfile.TarInfo) -> bool:
    directory = os.path.normpath(os.path.dirname(member.name))
    wanted = [f"{root}/{kind}" for root in _ROOTS for kind in ("modprobe.d", "modules-load.d")]
    return member.isfile() and directory in wanted
