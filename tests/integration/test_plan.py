"""The operator writes what `fiddler-kong plan` said, and `plan` itself writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click.testing
import yaml

from devcluster.audit import Mark
from fiddler_kong_operator.plan.kinds import KINDS
from tests.integration.arena import Arena
from tests.integration.commands import fiddler_kong, namespace_reader
from tests.integration.targets import attached_binding, foreign_plugin, listed, service

Manifest = dict[str, Any]

_OPTIONS = ("--probe-allow-http", "--probe-allowed-addresses=127.0.0.0/8")
_REFUSED = 400


def plan(arena: Arena, *args: str, given: list[Manifest] | None = None, kubeconfig: Path | None = None) -> click.testing.Result:
    """Run it; nobody has written anything then, not even as a dry run."""
    mark = arena.mark()
    files = ["-f", "-"] if given is not None else []
    result = fiddler_kong(arena, "plan", *_OPTIONS, *files, *args, given=given, kubeconfig=kubeconfig)
    arena.mark()
    written = arena.stage.cluster.write_log().writes(since=mark)
    assert [str(write) for write in written if write.user not in {*_CONTROLLERS} and write.namespace == arena.namespace] == []
    assert [key for key in (arena.stage.keys.fiddler, arena.stage.keys.provider) if key in result.output] == []
    return result


_CONTROLLERS = ("system:kube-controller-manager", "system:serviceaccount:kube-system:deployment-controller")


def planned(result: click.testing.Result) -> dict[tuple[str, str], str]:
    """The objects of a diff, each with its lines."""
    found: dict[tuple[str, str], str] = {}
    sides: list[str] = []
    for line in result.stdout.splitlines():
        if line.startswith(("--- live/", "--- /dev/null", "+++ planned/", "+++ /dev/null")):
            sides = [*sides[-1:], line]
        else:
            named = next(side for side in sides if side[4:] != "/dev/null").partition("/")[2]
            kind, _, place = named.partition(" ")
            key = kind, place.rpartition("/")[2]
            found[key] = found.get(key, "") + line + "\n"
    return found


def written(arena: Arena, since: Mark) -> set[tuple[str, str]]:
    """The objects of the arena that the operator has written, without statuses and Events."""
    kinds = {kind.plural: name for name, kind in KINDS.items()}
    done = (w for w in arena.writes(since) if w.namespace == arena.namespace and w.code < _REFUSED and not w.subresource)
    return {(kinds[w.resource], w.name) for w in done if w.resource != "events"}


def _lists(result: click.testing.Result) -> list[str]:
    """The planned plugin list of the user's Service; the operator may attach pre-function later, at its end."""
    [line] = [line for line in result.stdout.splitlines() if line.startswith("+    konghq.com/plugins: mine,")]
    return line.partition(": ")[2].split(",")


def new_objects(result: click.testing.Result) -> dict[tuple[str, str], Manifest]:
    """The objects that a diff shows as new."""
    texts = {key: text.splitlines() for key, text in planned(result).items() if text.startswith("@@ -0,0 ")}
    return {key: yaml.safe_load("".join(f"{line[1:]}\n" for line in lines[1:])) for key, lines in texts.items()}


def test_the_operator_writes_exactly_what_the_plan_said_and_then_nothing_is_left(arena: Arena) -> None:
    arena.put(foreign_plugin(arena, "mine"), service(arena, plugins="mine"))
    bindings = [arena.binding(), attached_binding(arena, name="on-service")]

    result = plan(arena, given=bindings)
    mark = arena.mark()
    arena.put(*bindings)
    for name in ("assistant", "on-service"):
        arena.until_ready(name)
    arena.until_quiet()

    assert (result.exit_code, written(arena, mark)) == (1, set(planned(result)))
    for (kind, name), expected in new_objects(result).items():
        live = arena.existing(kind, name)
        assert {field: live[field] for field in expected if field not in {"metadata", "data"}} == {
            field: content for field, content in expected.items() if field not in {"metadata", "data"}
        }
        assert (live["metadata"].get("annotations") or {}) == (expected["metadata"].get("annotations") or {})
    assert sorted(_lists(result)) == sorted((listed(arena) or "").split(","))
    assert f"Deployment {arena.namespace}/kong-gateway: its pods are replaced" in result.stderr
    for again in (plan(arena, given=bindings), plan(arena), plan(arena, "assistant", "on-service")):
        assert (again.exit_code, again.stdout) == (0, ""), again.output


def test_an_edit_and_a_rotated_key_are_planned_as_they_come(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    arena.until_quiet()
    edited = [arena.binding({"payloads": "Disabled"}), arena.secret("openai", "sk-canary-rotated-1")]

    result = plan(arena, given=edited)
    mark = arena.mark()
    arena.put(*edited)
    arena.until_ready()
    arena.until_quiet()

    changed = {("KongPlugin", "assistant-openai-ai-proxy"), ("Secret", "assistant-kong-keys")}
    assert (set(planned(result)), written(arena, mark)) == (changed, changed)
    assert "canary" not in result.output
    assert plan(arena).exit_code == 0


def test_a_deletion_takes_back_what_the_plan_said(arena: Arena) -> None:
    arena.put(arena.gateway(env={"KONG_TRACING_SAMPLING_RATE": "0.5"}), foreign_plugin(arena, "mine"), service(arena, plugins="mine"))
    arena.put(attached_binding(arena, changes={"gateway.conflicts": "Override"}))
    arena.until_ready()
    arena.until_quiet()

    result = plan(arena, "--delete", "assistant")
    arena.delete("FiddlerKongBinding", "assistant")
    gone = [key for key, text in planned(result).items() if text.partition("\n")[0].endswith(" +0,0 @@")]
    for kind, name in gone:
        arena.until_gone(kind, name)

    arena.until(lambda: arena.settings() == {"KONG_TRACING_SAMPLING_RATE": "0.5"}, "the former settings")
    assert ("Secret", "assistant-kong-keys") in gone
    assert "+    konghq.com/plugins: mine" in result.stdout
    assert "+          value: '0.5'" in result.stdout
    assert listed(arena) == "mine"


def test_a_user_of_one_namespace_gets_the_same_plan(arena: Arena) -> None:
    bindings = [arena.binding()]
    whole = plan(arena, given=bindings)

    result = plan(arena, given=bindings, kubeconfig=namespace_reader(arena))

    assert (result.stdout, result.exit_code) == (whole.stdout, 1), result.stderr
    assert "KongClusterPlugin cannot be listed" in result.stderr
