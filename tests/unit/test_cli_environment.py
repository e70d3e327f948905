"""What the tool reads of its environment without os, held against os."""

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys
sys.path.append(sys.argv[1])
from kmodd.cli.environment import environment
before = environment()
import os
assert before == dict(os.environ), before
assert before["ODD"] == os.fsdecode(bytes((255, 65)))
"""


def test_the_environment_is_what_os_has() -> None:
    root = str(Path(__file__).parents[2])
    variables = {b"LC_ALL": b"C.UTF-8", b"ODD": b"\xffA", b"EMPTY": b"", "NÄME".encode(): "wört".encode()}
    subprocess.run([sys.executable, "-IS", "-c", _SCRIPT, root], env=variables, check=True)
