"""An interrupt in the first moments of kmoddctl."""

import subprocess
import sys

_WHILE_IT_IS_IMPORTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == "kmodd.cli.commands":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupted())
from kmodd.cli.entry import main
sys.exit(main())
"""


def test_an_interrupt_while_it_is_imported_is_one() -> None:
    done = subprocess.run([sys.executable, "-c", _WHILE_IT_IS_IMPORTED], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
