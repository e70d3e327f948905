"""Where kmoddctl begins: it may be interrupted before the rest of it has been imported."""

INTERRUPTED = 128 + 2
"""As a shell reports SIGINT (signal(7))."""


def main() -> int:
    """The exit status (kmoddctl(1))."""
    try:
        from kmodd.cli.main import main as carry_out  # noqa: PLC0415  that is what may be interrupted

        return carry_out()
    except KeyboardInterrupt:
        return INTERRUPTED
