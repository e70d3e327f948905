"""``make install``: puts what is no Python package where it belongs. Every distribution's is filled by it.

One table says where each file goes. The Python package itself is pip's, or the distribution's builder's; the
programs here take the place of those that pip makes, because they say where that package lies. Runs
on the bare system interpreter, so that only the standard library is there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

REPOSITORY: Final = Path(__file__).resolve().parents[1]

VARIABLES: Final[Mapping[str, str]] = {
    "bindir": "/usr/bin",
    # Where the Python package lies, and what it imports: the programs look nowhere else.
    "pythondir": "/usr/lib/python3/dist-packages",
    "sysconfdir": "/etc",
    "datadir": "/usr/share",
    "mandir": "/usr/share/man",
    "docdir": "/usr/share/doc/kmodd",
    "systemddir": "/usr/lib/systemd",
    "tmpfilesdir": "/usr/lib/tmpfiles.d",
    # Debian's zsh looks into vendor-completions instead.
    "zshdir": "/usr/share/zsh/site-functions",
}
"""Where distributions differ; each can be said otherwise on the command line."""


_PYTHONDIR: Final = b"@pythondir@"


class Row(NamedTuple):
    """Files of the repository (one, or a pattern) and where they go: a path, or a directory with "/" last."""

    source: str
    target: str
    mode: int = 0o644


FILES: Final = (
    Row("packaging/programs/*", "{bindir}/", 0o755),
    Row("systemd/kmodd.service", "{systemddir}/system/"),
    Row("systemd/kmodd-load.service", "{systemddir}/system/"),
    Row("systemd/90-kmodd.preset", "{systemddir}/system-preset/"),
    Row("systemd/kmodd.tmpfiles.conf", "{tmpfilesdir}/kmodd.conf"),
    Row("systemd/org.kmodd1.service", "{datadir}/dbus-1/system-services/"),
    Row("systemd/kmodd.catalog", "{systemddir}/catalog/"),
    Row("packaging/dbus/org.kmodd1.conf", "{datadir}/dbus-1/system.d/"),
    Row("packaging/polkit/org.kmodd1.policy", "{datadir}/polkit-1/actions/"),
    Row("packaging/man/*.1", "{mandir}/man1/"),
    Row("packaging/man/*.5", "{mandir}/man5/"),
    Row("packaging/man/*.8", "{mandir}/man8/"),
    Row("packaging/completions/kmoddctl.bash", "{datadir}/bash-completion/completions/kmoddctl"),
    Row("packaging/completions/kmoddctl.fish", "{datadir}/fish/vendor_completions.d/"),
    Row("packaging/completions/_kmoddctl", "{zshdir}/"),
    Row("packaging/initramfs/hook", "{datadir}/initramfs-tools/hooks/kmodd", 0o755),
    Row("packaging/initramfs/post-update", "{sysconfdir}/initramfs/post-update.d/kmodd", 0o755),
    Row("packaging/initramfs/kernel-postrm", "{sysconfdir}/kernel/postrm.d/kmodd", 0o755),
    Row("packaging/initramfs/initramfs-record", "/usr/libexec/kmodd/", 0o755),
    Row("packaging/initramfs/dracut.conf", "/usr/lib/dracut/dracut.conf.d/60-kmodd.conf"),
    Row("etc/schema/*.json", "{datadir}/kmodd/schema/"),
    Row("etc/kmodd/kmodd.toml", "{sysconfdir}/kmodd/"),
    Row("etc/kmodd.d/*.example", "{docdir}/examples/"),
    Row("packaging/doc/recipes.md", "{docdir}/"),
)

DIRECTORIES: Final = ("{sysconfdir}/kmodd.d",)
"""Empty at first, and the package's own, so that a person finds where files go."""

WHOLE_DIRECTORIES: Final = (
    "systemd",
    "packaging/completions",
    "packaging/dbus",
    "packaging/initramfs",
    "packaging/man",
    "packaging/polkit",
    "packaging/programs",
    "etc",
)
"""Everything below these belongs to the table."""


class Placed(NamedTuple):
    """One file of the repository and where it goes on the installed machine."""

    source: Path
    target: Path
    mode: int


def placed(variables: Mapping[str, str] = VARIABLES, repository: Path = REPOSITORY) -> Iterator[Placed]:
    """The table with patterns and variables resolved. Raises FileNotFoundError for a row without files."""
    for row in FILES:
        sources = sorted(repository.glob(row.source))
        if not sources:
            raise FileNotFoundError(f"{row.source}: in the table of packaging/install.py, not in the tree")
        target = row.target.format_map(variables)
        for source in sources:
            yield Placed(source, Path(target + source.name if target.endswith("/") else target), row.mode)


def install(destination: Path, variables: Mapping[str, str] = VARIABLES) -> None:
    """Copy everything below ``destination``, with modes that no umask changes."""
    for directory in DIRECTORIES:
        make_directory(below(destination, Path(directory.format_map(variables))))
    for file in placed(variables):
        target = below(destination, file.target)
        make_directory(target.parent)
        target.write_bytes(content(file.source, variables))
        target.chmod(file.mode)


def content(source: Path, variables: Mapping[str, str]) -> bytes:
    """What is installed of a file; a program is told where the Python package lies."""
    return source.read_bytes().replace(_PYTHONDIR, variables["pythondir"].encode())


def below(destination: Path, path: Path) -> Path:
    """The absolute ``path``, seen from ``destination`` as the root."""
    return destination / path.relative_to("/")


def make_directory(path: Path) -> None:
    """Make it and those above it, readable for all; what is there already keeps its mode."""
    umask = os.umask(0o022)
    try:
        path.mkdir(parents=True, exist_ok=True)
    finally:
        os.umask(umask)


def assignment(text: str) -> tuple[str, str]:
    """NAME=/PATH of the command line. Raises ArgumentTypeError."""
    name, _, value = text.partition("=")
    if name not in VARIABLES or not value.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(VARIABLES)} with =/PATH")
    return name, value


def main(arguments: list[str]) -> None:
    """Install as the command line says, or list what would be."""
    parser = argparse.ArgumentParser(prog="make install", description=__doc__.partition("\n")[0])
    parser.add_argument("--destdir", type=Path, default=Path("/"), help="the root it goes below")
    parser.add_argument("--list", action="store_true", help="only print the paths on the installed machine")
    parser.add_argument("variables", nargs="*", type=assignment, metavar="NAME=/PATH")
    given = parser.parse_args(arguments)
    variables = {**VARIABLES, **dict(given.variables)}
    if given.list:
        print("\n".join(str(file.target) for file in placed(variables)))
    else:
        install(given.destdir.resolve(), variables)


if __name__ == "__main__":
    main(sys.argv[1:])
