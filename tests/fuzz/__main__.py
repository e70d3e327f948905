"""``make fuzz``: every target, or those that are named, for a bounded time each, one after the other."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from tests.fuzz.table import CORPUS, DICTIONARIES, TARGETS, Target

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache/fuzz"
SLOW_S = 20
MEMORY_MB = 2048
_DONE = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+)", re.MULTILINE)
_NICE = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was found, 1 if something was; exits with a sentence where there is no atheris."""
    given = _parsed(arguments)
    if given.list:
        print(*(f"{name:14}{target.what}" for name, target in TARGETS.items()), sep="\n")
        return 0
    names = given.targets or list(TARGETS)
    if given.replay:
        for name in names:
            TARGETS[name].load()(given.replay.read_bytes())
        return 0
    if find_spec("atheris") is None:
        install(_requirements())
    quiet = [_fuzz(name, TARGETS[name], given.seconds) for name in names]
    return int(not all(quiet))


def install(requirements: Sequence[str]) -> None:
    """Wheels only: what PyPI has else would need a compiler with libFuzzer. Exits where there is none."""
    print(f"fuzz: Python packages to be installed with pip: {' '.join(requirements)}", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--only-binary", ":all:", *requirements], capture_output=True, text=True, check=False
    )
    if done.returncode:
        version = ".".join(map(str, sys.version_info[:2]))
        reason = done.stderr.strip().rpartition("\n")[2]
        _fail(f"there is no wheel of {' '.join(requirements)} for Python {version} to be had ({reason})")


def _requirements() -> list[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted: list[str] = project["optional-dependencies"]["fuzz"]
    return wanted


def _fail(sentence: str) -> NoReturn:
    sys.exit(f"fuzz: {sentence}")


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make fuzz", description="Feed what kmodd reads with hostile bytes."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="which ones; all if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="how long each (60)")
    parser.add_argument("--list", action="store_true", help="say which targets there are")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="only this input, without atheris")
    given = parser.parse_args(arguments)
    for name in given.targets:
        if name not in TARGETS:
            parser.error(f"there is no target {name}; --list shows them")
    if given.replay and not given.targets:
        parser.error("say which target is to have that file")
    return given


def _fuzz(name: str, target: Target, seconds: int) -> bool:
    """Whether nothing was found; what is new to the corpus and what was found stay in .cache/fuzz."""
    finds, crashes, log = CACHE / name, CACHE / "found", CACHE / f"{name}.log"
    for directory in (finds, crashes):
        directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.engine", name, str(finds), str(CORPUS / name)]
    command += [f"-max_total_time={seconds}", f"-timeout={SLOW_S}", f"-rss_limit_mb={MEMORY_MB}"]
    command += [f"-max_len={target.longest}", f"-artifact_prefix={crashes}/{name}-", "-print_final_stats=1"]
    if target.dictionary:
        command.append(f"-dict={DICTIONARIES / target.dictionary}")
    print(f"{name:14}{target.what}: ", end="", flush=True)
    # libFuzzer ends its process without a word to Python, so what a target leaves is taken away here.
    with log.open("wb") as output, tempfile.TemporaryDirectory(prefix="kmodd-fuzz-") as scratch:
        status = subprocess.run(
            command,
            cwd=REPOSITORY,
            env={**os.environ, "TMPDIR": scratch},
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.nice(_NICE),
            check=False,
        ).returncode
    return _tell(log, status)


def _tell(log: Path, status: int) -> bool:
    """One line for a run that found nothing, the end of the log and where the input lies for another."""
    said = log.read_text("utf-8", "replace")
    done = _DONE.search(said)
    if status == 0 and done:
        print(f"nothing in {done[1]} runs, coverage {done[2]}")
        return True
    print(f"FOUND (status {status}), all of it in {log}")
    found = said.find("=== Uncaught Python exception")
    print(said[found:][:4000] if found >= 0 else said[-4000:])
    return False


if __name__ == "__main__":
    sys.exit(main())
