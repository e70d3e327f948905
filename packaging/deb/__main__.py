"""The command behind ``make deb``."""

import argparse
import shutil
import sys
from pathlib import Path

from deb.build import LINTIAN_REPORT, SUITE, built_package, checked_packages
from deb.errors import DebError
from deb.tree import REPOSITORY


def main() -> None:
    """Build, and put the result where it was asked for."""
    parser = argparse.ArgumentParser(prog="make deb", description="Build the package in a clean chroot.")
    parser.add_argument("--suite", default=SUITE, help="of Debian, default: %(default)s")
    parser.add_argument("--version", help="only a .deb that says it is this version: to try upgrades")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist", help="default: dist")
    given = parser.parse_args()
    try:
        if given.version:
            results = [built_package(given.version, given.suite)]
        else:
            results = sorted(checked_packages(given.suite).iterdir())
    except DebError as error:
        sys.exit(f"deb: {error}")
    given.output.mkdir(parents=True, exist_ok=True)
    for result in results:
        if result.name == LINTIAN_REPORT:
            print(f"lintian is content; its remarks:\n{result.read_text()}")
        else:
            print(f"deb: {shutil.copy2(result, given.output)}")


if __name__ == "__main__":
    main()
