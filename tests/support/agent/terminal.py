"""The second terminal, where a person sits in `make run`."""

import fcntl
import struct
import termios


def resize(path: str, rows: int, columns: int) -> None:
    """Tell a terminal its size (ioctl_tty(2)); UML passes none on."""
    with open(path, "rb", buffering=0) as opened:
        fcntl.ioctl(opened, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
