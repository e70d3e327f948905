"""The tables of kmodd.d(5) and kmodd.toml(5) as pydantic models: every key, its type and its default."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kmodd.config import shapes
from kmodd.config.issues import Code
from kmodd.config.values import (
    AbsolutePath,
    Attributes,
    Conditions,
    ConfPath,
    DmiConditions,
    Duration,
    Glob,
    ModuleKey,
    ModuleNames,
    Parameters,
    PathConditions,
    Properties,
    Text,
    one_or_more,
    refuse,
)
from kmodd.model import Desired, DeviceMatch, ParameterPolicy, Ready, Settings, WhenGone


class Table(BaseModel):
    """Nothing is converted, nothing unknown is let pass, nothing changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class DeviceTable(Table):
    """One match of ``when.device``; everything given must match."""

    modalias: Glob = ""
    subsystem: Glob = ""
    driver: Glob = ""
    properties: Properties = Field(default_factory=dict)
    attributes: Attributes = Field(default_factory=dict)

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.match() == DeviceMatch():
            refuse(
                Code.BAD_VALUE, "asks for nothing, so that every device matches", "name a modalias or more"
            )
        return self

    def match(self) -> DeviceMatch:
        """The same as data."""
        properties, attributes = (tuple(sorted(t.items())) for t in (self.properties, self.attributes))
        return DeviceMatch(self.modalias, self.subsystem, self.driver, properties, attributes)


Device = Annotated[DeviceTable, Field(json_schema_extra={"minProperties": 1})]
Devices = Annotated[
    tuple[Device, ...],
    Field(strict=False),
    BeforeValidator(one_or_more, json_schema_input_type=Device | list[Device]),
]


class WhenTable(Table):
    """``when``: all must hold; "!" negates an entry."""

    device: Devices = ()
    kernel: Conditions = ()
    architecture: Conditions = ()
    virtualization: Conditions = ()
    path_exists: PathConditions = ()
    kernel_command_line: Conditions = ()
    dmi: DmiConditions = ()


class ReadyTable(Table):
    """``ready``: what must appear after loading before dependants go on."""

    path_exists: AbsolutePath = ""
    device: Device | None = None
    timeout: Duration = Ready().timeout_s


class ModuleTable(Table):
    """``[module.NAME]`` of kmodd.d(5)."""

    state: Annotated[Desired, Field(strict=False)] = Desired.LOADED
    parameters: Parameters = Field(default_factory=dict)
    on_parameter_change: Annotated[ParameterPolicy, Field(strict=False)] = ParameterPolicy.WRITE
    after: ModuleNames = ()
    before: ModuleNames = ()
    requires: ModuleNames = ()
    wants: ModuleNames = ()
    conflicts: ModuleNames = ()
    replaces: ModuleNames = ()
    when: WhenTable = WhenTable()
    when_gone: Annotated[WhenGone, Field(strict=False)] = WhenGone.KEEP
    ready: ReadyTable | None = None
    load_timeout: Duration = 30.0
    reason: Text = ""


Modules = Annotated[dict[ModuleKey, ModuleTable], Field(json_schema_extra=shapes.named(shapes.MODULE))]


class FileTable(Table):
    """A whole drop-in."""

    module: Modules = Field(default_factory=dict)


class SettingsTable(Table):
    """A whole kmodd.toml(5)."""

    enforce: bool = Settings().enforce
    resync_interval: Duration = Settings().resync_interval_s
    event_quiet_time: Duration = Settings().event_quiet_time_s
    parallel_loads: Annotated[int, Field(ge=0, le=256)] = Settings().parallel_loads
    modprobe_file: ConfPath = Settings().modprobe_file
    quarantine: Literal["strict", "best-effort"] = "best-effort"

    def settings(self) -> Settings:
        """The same as data."""
        return Settings(
            enforce=self.enforce,
            resync_interval_s=self.resync_interval,
            event_quiet_time_s=self.event_quiet_time,
            parallel_loads=self.parallel_loads,
            modprobe_file=self.modprobe_file,
            quarantine=self.quarantine,
        )


def known_keys(root: type[Table], path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Keys that the table at ``path`` may have."""
    names = [part for part in path if isinstance(part, str)]
    table: type[Table] = root
    if root is FileTable and len(names) >= 2:
        inner: dict[str, type[Table]] = {"when": WhenTable, "ready": ReadyTable, "device": DeviceTable}
        table = inner.get(names[-1], ModuleTable) if len(names) > 2 else ModuleTable
    return tuple(table.model_fields)
