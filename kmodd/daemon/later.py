"""What a start with nothing to do has no use for, imported as soon as kmodd is ready.

Not when it is first used: somebody waits for that then, and an upgrade may have put other files there.
"""


def import_rest() -> None:
    """Have at hand what passes, actions and calls may need; where it is used, a comment names this file."""
    from kmodd.bus import introspection, publish, service  # noqa: F401, PLC0415
    from kmodd.core import ladder, parameter_types, removals, way_back  # noqa: F401, PLC0415
    from kmodd.daemon import examiner, facade, overrides  # noqa: F401, PLC0415
