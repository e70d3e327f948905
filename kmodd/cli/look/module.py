"""``kmoddctl status MODULE``: everything about one module."""

import time
from collections.abc import Iterable

from kmodd.cli.bus.manager import ask
from kmodd.cli.look.advice import idleness, what_to_do
from kmodd.cli.terminal.output import NOT_IN_ORDER, Output
from kmodd.cli.terminal.render import BOLD, DIM, RED, YELLOW, Cell, Style, columns, fields, headline, paint
from kmodd.cli.terminal.tones import CONDITIONS, in_order
from kmodd.names import module_name
from kmodd.shown import REPLACED, ModuleStatus, Source

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def module_status(text: str, output: Output) -> int:
    """Show the module that ``text`` names; raises INVALID_ARGUMENT, NOT_FOUND."""
    name = module_name(text)
    with ask() as manager:
        module = manager.module(name)
        is_right = in_order(module.condition)
        to_do = "" if is_right else what_to_do(module.condition, name, idleness(manager.overview()))
    output.show(module, lambda style: _lines(module, to_do, style))
    return 0 if is_right else NOT_IN_ORDER


def _lines(module: ModuleStatus, to_do: str, style: Style) -> Iterable[str]:
    tone = CONDITIONS.get(module.condition, RED)
    yield from headline(Cell(module.name, BOLD), Cell(module.condition, tone), module.message, style)
    yield from fields(_facts(module, to_do), style)
    for title, rows in (("Kernel log", _log(module)), ("Declared by", source_cells(module.sources))):
        if rows:
            yield from ("", paint(title, BOLD, style), *columns(rows, style, 2))


def _facts(module: ModuleStatus, to_do: str) -> tuple[tuple[str, list[Cell]], ...]:
    return (
        ("Desired", _cells(module.desired or "not declared")),
        ("Reason", _cells(module.reason)),
        ("State", _cells(", ".join(filter(None, (module.state, *_loading(module)))))),
        ("To do", _cells(to_do)),
        ("Parameters", _parameters(module)),
        ("Holders", _cells(" ".join(module.holders))),
        ("Blockers", [Cell(each, YELLOW) for each in module.blockers]),
        ("Dependencies", _cells(" ".join(module.dependencies))),
        ("Failures", _cells(_failures(module), RED)),
        ("Memory", _cells(bytes_text(module.memory_bytes) if module.memory_bytes else "")),
        ("References", _cells(str(module.refcount) if module.refcount else "")),
        ("Taint", _cells(module.taint)),
        ("Path", _cells(module.path)),
        ("Version", _cells(" ".join(filter(None, (module.version, module.srcversion))))),
        ("Signer", _cells(module.signer)),
        ("Built for", _built_for(module)),
        ("Load", _cells(", ".join(f"{s.name} {s.duration_us / 1000:.1f} ms" for s in module.stages))),
    )


def source_cells(sources: Iterable[Source]) -> list[tuple[Cell, ...]]:
    """Rows of key, value and place; what was replaced stands, less bright, below what is in force."""
    return [
        (Cell("  replaced", DIM), Cell(each.value, DIM), Cell(str(each.location), DIM))
        if each.key.startswith(REPLACED)
        else (Cell(each.key), Cell(each.value), Cell(str(each.location), DIM))
        for each in sources
    ]


def bytes_text(count: int) -> str:
    """``count`` bytes for people, in powers of 1024."""
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{count} bytes"


def time_text(realtime_us: int) -> str:
    """A moment in local time; "" for 0, never."""
    return (
        time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(realtime_us // 1_000_000)) if realtime_us else ""
    )


def _parameters(module: ModuleStatus) -> list[Cell]:
    """Every parameter as it is, declared ones first, and as wanted where that differs or is not read."""
    wanted = {drift.parameter: drift.wanted for drift in module.drift}
    unread = {
        name: value for name, value in module.desired_parameters.items() if name not in module.parameters
    }
    cells = []
    shown = {**unread, **module.parameters}
    for name in sorted(shown, key=lambda each: (each not in module.desired_parameters, each)):
        value = shown[name]
        if name in wanted:
            cells.append(Cell(f"{name} = {value}, wanted {wanted[name]}", YELLOW))
        elif name in unread:
            cells.append(Cell(f"{name} = {value} wanted; the kernel does not show it", DIM))
        else:
            cells.append(Cell(f"{name} = {value}", BOLD if name in module.desired_parameters else DIM))
    return cells


def _loading(module: ModuleStatus) -> tuple[str, str]:
    since = f"since {time_text(module.loaded_us)}" if module.loaded_us else ""
    took = f"took {module.load_duration_us / 1000:.1f} ms" if module.load_duration_us else ""
    return since, took


def _built_for(module: ModuleStatus) -> list[Cell]:
    """vermagic, and whether it is the running kernel's."""
    if module.vermagic_matches:
        return _cells(module.vermagic)
    return [Cell(f"{module.vermagic} (not the running kernel)", RED)]


def _failures(module: ModuleStatus) -> str:
    if not module.failure_count:
        return f"none; done again {time_text(module.next_retry_us)}" if module.next_retry_us else ""
    retry = (
        f"next attempt {time_text(module.next_retry_us)}" if module.next_retry_us else "no further attempt"
    )
    return f"{module.failure_count} in a row, {retry}"


def _log(module: ModuleStatus) -> list[tuple[Cell, ...]]:
    return [(Cell(line),) for line in module.kernel_messages]


def _cells(text: str, tone: str = "") -> list[Cell]:
    return [Cell(text, tone)] if text else []
