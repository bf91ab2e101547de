"""The sink's page in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from fiddler_kong_sink.faults import Fault
from fiddler_kong_sink.server import Sink
from tests.sink.exports import APPLICATION, RESOURCE, call, export, span
from tests.sink.page.conftest import Deliver

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><b>bold</b>"
CONVERSATION = {"gen_ai.conversation.id": "3d9c-conversation"}


async def test_empty_page_says_what_to_check(page: Page) -> None:
    await expect(page.get_by_role("heading", name="No traces yet")).to_be_visible()
    for hint in ("KONG_TRACING_INSTRUMENTATIONS=all", "application.id", "service.name", "3.13 or later"):
        await expect(page.get_by_role("main")).to_contain_text(hint)


async def test_sessions_appear_by_themselves(page: Page, deliver: Deliver) -> None:
    await expect(page.get_by_role("status")).to_have_text("Live")
    for turn, question in enumerate(("What is the capital of France?", "And of Italy?", "Which is larger?"), start=1):
        await deliver(export(call(turn, prompt=question, **CONVERSATION)))

    card = page.get_by_role("list", name="Sessions").get_by_role("link")
    await expect(card).to_have_count(1)
    for text in ("3d9c-conversation", "What is the capital of France?", "3 spans", "42 in", "21 out", "openai", "gpt-4o-mini-2024-07-18"):
        await expect(card).to_contain_text(text)


async def test_session_shows_its_calls_in_order(page: Page, deliver: Deliver) -> None:
    for turn in (2, 1):
        await deliver(export(call(turn, prompt=f"question {turn}", answer=f"answer {turn}", **CONVERSATION)))
    await page.get_by_role("list", name="Sessions").get_by_role("link").click()

    await expect(page.get_by_role("heading", level=1)).to_contain_text("3d9c-conversation")
    await expect(page.locator(".bubble.input .text")).to_have_text(["question 1", "question 2"])
    await expect(page.locator(".bubble.output .text")).to_have_text(["answer 1", "answer 2"])
    await expect(page.locator(".bubble.system .text").first).to_have_text("Be brief.")
    await expect(page.locator(".chip.good")).to_have_text(["llm", "llm"])
    await expect(page.locator("dl")).to_contain_text("42")


async def test_attributes_stay_open_while_more_arrives(page: Page, deliver: Deliver) -> None:
    await deliver(export(call(1, **CONVERSATION)))
    await page.get_by_role("list", name="Sessions").get_by_role("link").click()
    await page.get_by_text("Attributes in Fiddler").click()
    await expect(page.get_by_role("rowheader", name="fiddler.span.system.gen_ai.usage.input_tokens")).to_be_visible()

    await deliver(export(call(2, **CONVERSATION)))
    await expect(page.locator("li.span")).to_have_count(2)
    await expect(page.get_by_role("rowheader", name="fiddler.span.system.gen_ai.usage.input_tokens").first).to_be_visible()


async def test_what_users_sent_is_text(page: Page, deliver: Deliver) -> None:
    hostile = {"gen_ai.conversation.id": SCRIPT, "gen_ai.provider.name": SCRIPT, SCRIPT: SCRIPT}
    await deliver(export(call(1, prompt=SCRIPT, answer=SCRIPT, **hostile)))
    await deliver(export([span(f"kong.{SCRIPT}", 9, 9)]))
    await deliver(export([span(f"chat {SCRIPT}", 8, 8)], {**RESOURCE, "service.name": SCRIPT}))

    await expect(page.locator("a.session")).to_have_count(2)
    for view in ("#/sessions", "#/dropped", "#/deliveries"):
        await page.goto(page.url.split("#")[0] + view)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.goto(page.url.split("#")[0] + "#/sessions")
    await page.locator("a.session", has_text="<b>bold</b>").last.click()
    await expect(page.locator(".bubble.input .text")).to_have_text(SCRIPT)
    for summary in await page.locator("summary").all():
        await summary.click()
    await expect(page.get_by_role("rowheader", name="<script>").first).to_be_visible()

    assert await page.locator("main script, main img, main b").count() == 0
    assert await page.title() == "Session · Fiddler sink"


async def test_dropped_spans_are_listed_with_their_reasons(page: Page, deliver: Deliver) -> None:
    await deliver(export(call()))
    await deliver(export(call(2), {"service.name": "kong"}))
    await page.get_by_role("navigation").get_by_role("link", name="Dropped spans").click()

    await expect(page.locator(".reasons li")).to_have_count(2)
    await expect(page.locator(".reasons")).to_contain_text("The resource had no application.id")
    await expect(page.get_by_role("cell", name="kong.access.plugin.ai-proxy").first).to_be_visible()
    await expect(page.get_by_role("navigation").get_by_role("link", name="Dropped spans")).to_have_attribute("aria-current", "page")


async def test_deliveries_and_the_fault_are_shown(page: Page, sink: Sink, deliver: Deliver) -> None:
    sink.faults.set(Fault(mode="429", count=2))
    assert await deliver(export(call())) == 429
    await page.get_by_role("navigation").get_by_role("link", name="Deliveries").click()

    await expect(page.get_by_role("alert")).to_contain_text("Failing on purpose: 429 (traces, 1 more request)")
    await expect(page.get_by_role("row").nth(1)).to_contain_text("429")
    assert await deliver(export(call())) == 429
    await expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize(
    ("attributes", "resource", "advice"),
    [
        ({}, RESOURCE, "Send the same X-Fiddler-Conversation-Id header"),
        ({"gen_ai.input.messages": "", "gen_ai.output.messages": ""}, RESOURCE, "logging.log_payloads"),
        ({}, {"service.name": "gateway", "application.id": APPLICATION}, "with the exact value kong"),
    ],
)
async def test_session_explains_what_is_missing(
    page: Page, deliver: Deliver, attributes: dict[str, str], resource: dict[str, str], advice: str
) -> None:
    await deliver(export([call(1, **attributes)[-1]], resource))
    await page.locator("a.session").click()

    await expect(page.locator(".note", has_text=advice)).to_be_visible()


async def test_clear_forgets_everything(page: Page, sink: Sink, deliver: Deliver) -> None:
    await deliver(export(call()))
    await expect(page.locator("a.session")).to_have_count(1)
    await page.get_by_role("button", name="Clear").click()

    await expect(page.get_by_role("heading", name="No traces yet")).to_be_visible()
    assert sink.sessions() == ()


async def test_session_that_does_not_exist_is_explained(context: BrowserContext, sink: Sink) -> None:
    page = await context.new_page()
    await page.goto(f"{sink.url}/#/session/{APPLICATION}/gone")

    await expect(page.get_by_role("heading", name="No such session")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_page_fits_and_is_readable(page: Page, deliver: Deliver, scheme: str, width: int) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.set_viewport_size({"width": width, "height": 800})
    await deliver(export(call(1, prompt="word" * 200, **CONVERSATION)))
    await page.locator("a.session").click()
    await expect(page.locator(".bubble.input")).to_be_visible()

    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    colours = await page.evaluate("(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.documentElement))")
    ink, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert (ink > paper) is (scheme == "dark")


async def test_page_can_be_used_with_the_keyboard(page: Page, deliver: Deliver) -> None:
    await deliver(export(call(1, **CONVERSATION)))
    await page.locator("a.session").focus()
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_contain_text("3d9c-conversation")
    await expect(page.get_by_role("main")).to_be_focused()


async def test_page_says_when_the_sink_is_gone(context: BrowserContext) -> None:
    page = await context.new_page()
    async with Sink() as sink:
        await page.goto(sink.url)
        await expect(page.get_by_role("status")).to_have_text("Live")

    await expect(page.get_by_role("status")).to_contain_text("not reachable")
