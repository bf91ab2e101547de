"""Objects that other clients keep changing back are held: the pass leaves them out and writes everything else."""

from __future__ import annotations

from fiddler_kong_operator.plan.objects.desired import Attachment, BindingPlan, Desired
from tests.unit.observe.objects import CHAT, ours, plugin, service
from tests.unit.write.bench import Bench

FORMER = ours(plugin("assistant-former-ai-proxy", type_="ai-proxy"))


def everything(bench: Bench) -> tuple[BindingPlan, dict[str, Desired]]:
    """A plan with an object of each kind and an attachment."""
    of_kind = {"Secret": bench.secret(), "KongPlugin": bench.plugin(), "Service": bench.service(), "Ingress": bench.ingress()}
    attachment = Attachment(CHAT, "uid-Service-chat", "1", ("assistant-opentelemetry",))
    plan = BindingPlan((of_kind["Secret"], of_kind["KongPlugin"], of_kind["Service"], of_kind["Ingress"]), (attachment,))
    return plan, of_kind


async def test_everything_but_the_held_object_is_written() -> None:
    bench = Bench(service())
    plan, desired = everything(bench)
    held = desired["KongPlugin"]
    await bench.apply(BindingPlan((held,)))
    bench.drift(held, config={"minute": 7})
    written = await bench.apply(plan, held={held.key})
    assert set(written) == {item.key for item in desired.values()} - {held.key} | {CHAT}
    assert bench.live(held)["config"] == {"minute": 7}


async def test_nothing_that_may_need_a_held_object_is_written_before_it_exists() -> None:
    bench = Bench(service())
    plan, desired = everything(bench)
    assert await bench.apply(plan, held={desired["KongPlugin"].key}) == (desired["Secret"].key,)


async def test_a_held_attachment_is_left_out() -> None:
    bench = Bench(service())
    plan, desired = everything(bench)
    assert set(await bench.apply(plan, held={CHAT})) == {item.key for item in desired.values()}


async def test_a_rotated_key_is_written_while_a_plugin_is_held() -> None:
    bench = Bench()
    wanted = bench.plugin(endpoint="https://acme")
    await bench.apply(BindingPlan((bench.secret(), wanted)))
    bench.drift(wanted, config={"endpoint": "https://other"})
    rotated = bench.secret("bmV3")
    assert await bench.apply(BindingPlan((rotated, wanted)), held={wanted.key}) == (rotated.key,)
    assert bench.live(rotated)["data"] == {"openai": "bmV3"}
    assert bench.live(wanted)["config"] == {"endpoint": "https://other"}


async def test_nothing_is_pruned_while_an_object_is_held() -> None:
    bench = Bench(FORMER)
    former = bench.plugin("assistant-former-ai-proxy").key
    await bench.apply(BindingPlan((bench.plugin(),)), [former], held={bench.plugin().key})
    assert former in bench.cluster.objects
    await bench.apply(BindingPlan((bench.plugin(),)), [former])
    assert former not in bench.cluster.objects


async def test_no_entry_of_a_secret_is_trimmed_while_an_object_is_held() -> None:
    bench = Bench()
    keys, held = bench.secret(), bench.plugin()
    await bench.apply(BindingPlan((keys, held)))
    bench.drift(keys, data={"openai": "b2xk", "former": "czM="})
    await bench.apply(BindingPlan((keys, held)), held={held.key})
    assert bench.live(keys)["data"] == {"openai": "czM=", "former": "czM="}
    await bench.apply(BindingPlan((keys, held)))
    assert bench.live(keys)["data"] == {"openai": "czM="}
