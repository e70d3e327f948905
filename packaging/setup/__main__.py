"""``make setup``: says what is missing, installs it, and leaves .venv with kmodd and kmoddctl.

With arguments, these of Debian's packages are all that is wanted, and no .venv.

Runs on the bare system interpreter, so that only the standard library is there; does nothing, quickly, when
nothing is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
ENVIRONMENT = REPOSITORY / ".venv"
STAMP = ENVIRONMENT / "setup-stamp"
SCRIPTS = tuple(ENVIRONMENT / "bin" / name for name in ("kmodd", "kmoddctl", "pytest"))
OLDEST_PYTHON = (3, 11)


def main() -> None:
    """Install what is missing; exits with a sentence when it cannot."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        fail(
            f"kmodd needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer, {sys.executable} is "
            f"{sys.version.split()[0]}; Debian 12 and newer have one, or say which: make PYTHON=/path/to/it"
        )
    only = sys.argv[1:]
    install_debian_packages(missing_debian_packages(only or wanted_debian_packages()))
    if not only and not is_current():
        build_environment()


def fail(sentence: str) -> NoReturn:
    """End with a sentence for a person."""
    sys.exit(f"setup: {sentence}")


def say(sentence: str) -> None:
    """Tell what is about to happen, before it does."""
    print(f"setup: {sentence}", flush=True)


def run(*command: str) -> None:
    """Run a command in sight; end where it fails."""
    if subprocess.call(command, cwd=REPOSITORY) != 0:
        fail(f"this failed: {' '.join(command)}")


# ------------------------------------------------------------------------------- Debian's packages


def wanted_debian_packages() -> list[str]:
    """First words of debian-packages.txt."""
    lines = (HERE / "debian-packages.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def missing_debian_packages(wanted: list[str]) -> list[str]:
    """Wanted and not installed (dpkg-query(1)), in the order of the list."""
    if shutil.which("dpkg-query") is None:
        fail(f"this is not Debian, whose packages it needs: {' '.join(wanted)}")
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    answer = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def install_debian_packages(names: list[str]) -> None:
    """apt-get install, as root or through sudo(8)."""
    if not names:
        return
    say(f"Debian packages to be installed with apt-get: {' '.join(names)}")
    root = [] if os.geteuid() == 0 else ["sudo"]
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *names]
    if root and shutil.which("sudo") is None:
        fail(f"neither root nor sudo; let somebody run: {' '.join(install)}")
    run(*root, "apt-get", "update")
    run(*root, "env", "DEBIAN_FRONTEND=noninteractive", *install)


# -------------------------------------------------------------------------------- Python's packages


def fingerprint() -> str:
    """What .venv depends on: this script, what is required, the interpreter, where the checkout stands."""
    digest = hashlib.sha256(f"{sys.version} {sys.executable} {REPOSITORY}".encode())
    for path in (REPOSITORY / "pyproject.toml", *sorted(HERE.glob("*.[pt]*"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Whether .venv was made from exactly this and is whole."""
    whole = all(script.exists() for script in SCRIPTS)
    return whole and STAMP.exists() and STAMP.read_text() == fingerprint()


def build_environment() -> None:
    """Make .venv anew where its interpreter is not this one, and install into it; the stamp comes last."""
    say("Python packages to be installed into .venv with pip: kmodd itself (editable), what it requires, and")
    say("the tools of its developers (pyproject.toml: dependencies and dev)")
    STAMP.unlink(missing_ok=True)
    run(sys.executable, "-m", "venv", *(["--clear"] if not is_usable() else []), str(ENVIRONMENT))
    run(str(ENVIRONMENT / "bin/python"), "-m", "pip", "install", "--quiet", "--editable", ".[dev]")
    STAMP.write_text(fingerprint())
    say("done: .venv/bin/kmodd and .venv/bin/kmoddctl")


def is_usable() -> bool:
    """Whether .venv runs, with the version of this interpreter."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        return False
    ask = [str(python), "-c", "import pip, sys; print(sys.version)"]
    answer = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return answer.stdout.strip() == sys.version.strip()


if __name__ == "__main__":
    main()
