"""What can be found out around an action that failed, read anew: a pass may be older than the failure."""

from contextlib import suppress

from kmodd.core.diagnose import Known
from kmodd.core.draft import Step
from kmodd.core.load_failure import EXAMINED
from kmodd.core.permission import FORBIDDEN
from kmodd.errors import KmoddError
from kmodd.kernel.ports import KernelReader, Loader
from kmodd.model import LoadRequest, Report


class Examiner:
    """Looks after a failure, as far as its errno calls for it."""

    def __init__(self, loader: Loader, reader: KernelReader) -> None:
        self._loader = loader
        self._reader = reader

    async def known(self, step: Step, report: Report) -> Known:
        """Facts for ``report`` on ``step``; what cannot be found out is left open."""
        request = step.request
        options = request.options if isinstance(request, LoadRequest) else ""
        known = Known(step.module, options)
        if report.error in FORBIDDEN:
            known = known._replace(security=self._reader.security())
        if not isinstance(request, LoadRequest) or report.error not in EXAMINED:
            return known
        known = known._replace(release=self._reader.release())
        with suppress(KmoddError):
            infos = await self._loader.lookup([step.module], with_modinfo=frozenset((step.module,)))
            known = known._replace(file=infos.get(step.module))
            if known.lines(report.messages).name_symbols:
                symbols = await self._loader.symbols(step.module)
                known = known._replace(symbols=frozenset(name for name, _ in symbols.needed))
        return known
