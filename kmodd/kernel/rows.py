"""What a child of the loader said, as the rest of kmodd knows it."""

from typing import TYPE_CHECKING

from kmodd.model import ConfLine, ModuleInfo, Proof
from kmodd.names import ModuleName
from kmodd.shown import Location

if TYPE_CHECKING:
    from kmodd.kernel.wire import LineRow, ModuleRow, ProofRow


def module_info(row: "ModuleRow") -> ModuleInfo:
    """The row as the rest of kmodd knows it."""
    return ModuleInfo(
        name=ModuleName(row["name"]),
        path=row["path"],
        builtin=row["builtin"],
        alias_of=_names(row["alias_of"]),
        dependencies=_names(row["dependencies"]),
        softdeps_before=_names(row["softdeps_before"]),
        softdeps_after=_names(row["softdeps_after"]),
        options=row["options"],
        install_command=row["install_command"],
        remove_command=row["remove_command"],
        blacklisted=row["blacklisted"],
        has_modinfo=row["has_modinfo"],
        parameter_types=tuple((name, kind) for name, kind in row["parameter_types"]),
        version=row["version"],
        srcversion=row["srcversion"],
        vermagic=row["vermagic"],
        signer=row["signer"],
        aliases=tuple(row["aliases"]),
        similar=_names(row["similar"]),
        conf_lines=_conf_lines(row["conf_lines"]),
    )


def proof(row: "ProofRow") -> Proof:
    """The row as the rest of kmodd knows it."""
    return Proof(
        module=ModuleName(row["module"]),
        checked=row["checked"],
        open_ways=tuple(row["open_ways"]),
        culprits=_conf_lines(row["culprits"]),
        init_functions=tuple(row["init_functions"]),
    )


def _conf_lines(rows: "list[LineRow]") -> tuple[ConfLine, ...]:
    return tuple(ConfLine(Location(row["file"], row["line"]), row["text"]) for row in rows)


def _names(names: list[str]) -> tuple[ModuleName, ...]:
    """The child has checked them and made them canonical."""
    return tuple(map(ModuleName, names))
