"""The sink as a server: `async with Sink(SinkSettings()) as sink`."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from .dashboard import Dashboard
from .faults import Faults
from .journal import Delivery, Drop, Journal
from .mapping import MappedSpan
from .receiver import Receiver
from .rest import Rest
from .sessions import Session, SessionStore
from .settings import SinkSettings

__all__ = ["Sink"]

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with here, not listened on


class _WithoutTheRequest(logging.Filter):
    """Drops the traceback of a request that is not valid HTTP: aiohttp quotes the header at which it stopped, which may be the key's."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | web.RequestPayloadError):
            record.msg, record.args = f"{record.getMessage()}: it is not valid HTTP", ()
            record.exc_info = None
        return True


logger: Final = logging.getLogger(__name__)
logger.addFilter(_WithoutTheRequest())


class Sink:
    """A running stand-in for Fiddler, and the spans it received.

    `faults.set(Fault(mode="429"))` makes it fail; `faults.clear()` ends the fault.
    """

    def __init__(self, settings: SinkSettings | None = None) -> None:
        self.settings = settings or SinkSettings()
        self.faults = Faults(self.settings.fault)
        self._store = SessionStore(self.settings.max_spans)
        self._journal = Journal()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Start the server.

        Raises:
            OSError: The address is in use or not allowed, or the certificate cannot be read.
        """
        context = self._tls()
        grace = self.settings.shutdown_grace.total_seconds()
        runner = web.AppRunner(self._application(), auto_decompress=False, access_log=None, logger=logger, shutdown_timeout=grace)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.settings.host, self.settings.port, ssl_context=context).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server. The received spans stay readable."""
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port the sink listens on.

        Raises:
            RuntimeError: The sink was not started.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("The sink must be started first: use 'async with'")
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """The base URL for `spec.fiddler.url`. A wildcard address is shown as the loopback address."""
        host = _ANY_ADDRESS.get(self.settings.host, self.settings.host)
        scheme = "https" if self.settings.tls_cert else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def requests(self) -> tuple[Delivery, ...]:
        """The latest requests to `/v1/traces`, rejected ones included, oldest first."""
        return self._journal.deliveries

    @property
    def dropped(self) -> tuple[Drop, ...]:
        """The latest spans that were dropped although the sender got the answer 200, oldest first."""
        return self._journal.drops

    def sessions(self) -> tuple[Session, ...]:
        """Every session, the latest active first."""
        return self._store.sessions()

    def spans(self) -> tuple[MappedSpan, ...]:
        """Every kept span."""
        return self._store.spans()

    def clear(self) -> None:
        """Delete every received span and every log entry."""
        self._store.clear()
        self._journal.clear()

    def listen(self, listener: Callable[[Delivery], None]) -> None:
        """Call `listener` with each delivery from now on."""
        self._journal.listen(listener)

    async def until(self, condition: Callable[[Self], bool], timeout: float = 10.0) -> None:  # noqa: ASYNC109 - a limit is the purpose
        """Wait until `condition` holds. It is checked after each delivery.

        Raises:
            TimeoutError: It did not hold within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while not condition(self):
                await self._journal.wait()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=self.settings.max_body_bytes)
        app.router.add_post("/v1/traces", Receiver(self.settings, self._store, self._journal, self.faults).export)
        app.add_subapp("/v3", Rest(self.settings, self._store, self.faults).application())
        app.add_routes(Dashboard(self.settings, self._store, self._journal, self.faults).routes())
        return app

    def _tls(self) -> ssl.SSLContext | None:
        if self.settings.tls_cert is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.settings.tls_cert, self.settings.tls_key)
        return context
