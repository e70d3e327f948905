"""Hints from single files: parameters under /sys/module that somebody writes, paths that appear or go.

inotify raises IN_MODIFY for every write to a parameter, after the kernel has taken it; what the kernel
changes by itself raises nothing. sysfs raises no events for files that come and go: devices do
(events/uevents.py).
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from kmodd.events.files import FileWatcher, Interest
from kmodd.events.trigger import Look
from kmodd.names import ModuleName

SILENT: Final = ("/sys/", "/proc/")
"""Below these nothing tells of a path."""


class FileHints:
    """Watches what the last ``follow`` named; belongs to the running event loop."""

    def __init__(self, notify: Callable[[Look], None], sys_root: str = "/sys") -> None:
        self._notify = notify
        self._sys_root = sys_root
        self._instances: dict[ModuleName, int] = {}
        self._modules: dict[str, ModuleName] = {}
        self._paths: dict[str, bool] = {}
        self._watcher: FileWatcher | None = None

    def follow(self, instances: Mapping[ModuleName, int], paths: Iterable[str]) -> None:
        """Watch the parameters of these instances of modules, and whether ``paths`` exist.

        What happens from now on is heard; look at what is there after this call. Raises FAILED: no inotify.
        """
        wanted = {path for path in paths if not path.startswith(SILENT)}
        if instances == self._instances and wanted == self._paths.keys():
            return
        modules = {f"{self._sys_root}/module/{name}/parameters": name for name in instances}
        directories = {os.path.dirname(path) or "/" for path in wanted}
        interests = dict.fromkeys(sorted(directories), Interest.FILES)
        if self._watcher is None:
            self._watcher = FileWatcher(self._changed)
        self._watcher.want(interests | dict.fromkeys(modules, Interest.VALUES))
        self._instances, self._modules = dict(instances), modules
        before = self._paths
        self._paths = {path: before.get(path, os.path.exists(path)) for path in wanted}
        # What has changed by now may be no news to the new watches.
        self._tell_of_paths()

    def close(self) -> None:
        """Stop watching."""
        if self._watcher is not None:
            self._watcher.close()

    def _changed(self, directories: frozenset[str]) -> None:
        written = frozenset(name for path, name in self._modules.items() if path in directories)
        if written:
            self._notify(Look(parameters=written))
        self._tell_of_paths()

    def _tell_of_paths(self) -> None:
        """Directories such as /run are busy; only the paths that matter are worth a look."""
        before, self._paths = self._paths, {path: os.path.exists(path) for path in self._paths}
        if before != self._paths:
            self._notify(Look(retry=True))
