"""Where kmoddctl begins: it may be interrupted before the rest of it has been imported."""

from kmodd.cli import INTERRUPTED


def main() -> int:
    """The exit status (kmoddctl(1))."""
    try:
        from kmodd.cli.main import main as carry_out  # noqa: PLC0415  that is what may be interrupted

        return carry_out()
    except KeyboardInterrupt:
        return INTERRUPTED
