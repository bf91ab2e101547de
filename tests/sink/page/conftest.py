"""A real Chromium for the sink's page: Debian's package, which `scripts/install-chromium` puts there."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from fiddler_kong_sink.server import Sink
from tests.sink.exports import HEADERS

CHROMIUM = "/usr/bin/chromium"
INSTALL = Path(__file__).resolve().parents[3] / "scripts" / "install-chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
module_loop = pytest_asyncio.fixture(loop_scope="module")
Deliver = Callable[[ExportTraceServiceRequest], Awaitable[int]]


@module_loop
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


@module_loop
async def deliver(sink: Sink) -> AsyncIterator[Deliver]:
    """Sends an export to the sink."""
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def send(request: ExportTraceServiceRequest) -> int:
            async with session.post(f"{sink.url}/v1/traces", data=request.SerializeToString()) as response:
                return response.status

        yield send


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests of a module; playwright gives it an empty profile of its own."""
    await asyncio.to_thread(subprocess.run, [INSTALL], check=True)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield running
        await running.close()


@module_loop
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A window that shares nothing with the other tests."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    await context.close()


@module_loop
async def page(context: BrowserContext, sink: Sink) -> AsyncIterator[Page]:
    """The sink's page, freshly opened; an error or a warning in it, or a request to anywhere else, fails the test."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    own = (sink.url, "data:")
    page.on("request", lambda request: None if request.url.startswith(own) else problems.append(request.url))
    await page.goto(sink.url)
    yield page
    assert problems == []
