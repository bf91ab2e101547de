from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import click
import click.testing
import pytest
from click.testing import CliRunner

from fiddler_kong_operator import names
from fiddler_kong_operator.cli import main
from fiddler_kong_operator.cli.removal import Scope
from fiddler_kong_operator.cli.uninstall_output import Outcome
from fiddler_kong_operator.cli.uninstallation import Uninstallation
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import BINDING
from tests.unit.cli.removable import RemovableCluster, lease, operator
from tests.unit.cli.test_plan import KEYS, carried_out, cluster_of, gateway
from tests.unit.observe.objects import ASSISTANT, ATTACHED, CHAT, EXPOSED, GATEWAY, at, binding, key, plugin, service, spec
from tests.unit.virtual_time import run

OURS: Final = {"status": {"installation": "tools"}}
THEIRS: Final = {"status": {"installation": "elsewhere"}}
EVERYWHERE: Final = Scope(())
MINE: Final = plugin("mine")


def attached(name: str = "assistant", **content: Any) -> Manifest:
    """A binding attached to the Service `chat`, as the operator `tools` has reconciled it."""
    return {**binding(name, spec_=spec(ATTACHED), finalizers=[names.FINALIZER]), **OURS, **content}


def reconciled(*objects: Manifest, **changes: Any) -> RemovableCluster:
    """A cluster in which the operator of namespace `tools` has done its work, and is gone."""
    bindings = [raw for raw in objects if raw["kind"] == BINDING.name]
    unmarked = [{**raw, "status": {}} for raw in bindings]  # one operator alone takes them all
    done = carried_out(cluster_of(MINE, service(plugins="mine"), *unmarked)).objects
    for raw in bindings:
        done[key(raw)]["status"]["installation"] = raw["status"]["installation"]
    return RemovableCluster(*done.values(), *(raw for raw in objects if raw not in bindings), **changes)


def uninstall(cluster: RemovableCluster, scope: Scope = EVERYWHERE, *, chosen: str | None = None, yes: bool = True) -> Outcome:
    """Run it on virtual time."""
    return run(Uninstallation(scope, chosen, 120.0, yes, lambda _: None).run(cluster))


def shown(cluster: RemovableCluster, *args: str) -> click.testing.Result:
    """The result of the command; no key shows."""
    result = CliRunner().invoke(main, ["uninstall", *args], obj=cluster)
    assert "canary" not in result.output
    assert not [value for raw in KEYS for value in raw["data"].values() if value in result.output]
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def env(cluster: RemovableCluster) -> list[Manifest]:
    return list(cluster.objects[GATEWAY]["spec"]["template"]["spec"]["containers"][0].get("env") or ())


def plugins_of(cluster: RemovableCluster) -> str | None:
    value: str | None = (cluster.objects[CHAT]["metadata"].get("annotations") or {}).get(names.KONG_PLUGINS_ANNOTATION)
    return value


def test_a_dry_run_shows_everything_and_changes_nothing() -> None:
    cluster = reconciled(attached())

    result = shown(cluster, "-A")

    assert cluster.changing == []
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "No operator runs: this command does its work.",
        "Would be deleted or restored:",
        "  FiddlerKongBinding ai/assistant        deleted",
        "  Service ai/chat                        konghq.com/plugins: mine",
        "  KongPlugin ai/assistant-opentelemetry  deleted",
        "  KongPlugin ai/assistant-pre-function   deleted",
        "  Secret ai/assistant-kong-keys          deleted",
        "  Deployment kong/gateway                settings restored, which replaces its pods",
        "Nothing was changed. Add --yes to do it.",
        "These stay. When nothing is left of the bindings, they are removed by:",
        "  kubectl delete crd fiddlerkongbindings.integrations.fiddler.ai",
        "  kubectl --namespace kong annotate deployments gateway integrations.fiddler.ai/allow-bindings-from-",
    ]


@pytest.mark.parametrize("route", [ATTACHED, EXPOSED])
def test_without_an_operator_the_command_does_the_work_and_a_second_run_finds_nothing(route: Manifest) -> None:
    fresh = cluster_of(MINE, service(plugins="mine"))
    cluster = reconciled({**binding(spec_=spec(route)), **OURS})

    outcome = uninstall(cluster)

    assert (outcome.left, outcome.problems) == ({}, ())
    assert cluster.objects.keys() == fresh.objects.keys()
    assert (env(cluster), plugins_of(cluster)) == ([], "mine")
    again = uninstall(cluster)
    assert (again.done, again.left, again.problems) == ({}, {}, ())


def test_a_finalizer_leaves_only_after_the_list_and_the_settings_after_the_binding() -> None:
    cluster = reconciled(attached())

    uninstall(cluster)

    order = [str(written) for _, written in cluster.writes if written in {CHAT, ASSISTANT, GATEWAY}]
    assert list(dict.fromkeys(order[1:])) == ["Service ai/chat", "FiddlerKongBinding ai/assistant", "Deployment kong/gateway"]


def test_a_refused_cleanup_is_told_and_keeps_the_finalizer_and_nothing_else() -> None:
    cluster = reconciled(attached(), {**binding("other"), **OURS})

    def deny(verb: str, at_: ObjectKey) -> None:
        if (verb, at_) == ("merge_patch", CHAT):
            raise Refused("patch Service ai/chat: this list is frozen", 403)

    cluster.before = deny
    outcome = uninstall(cluster)

    assert [text for text in outcome.problems if "this list is frozen" in text] == list(outcome.problems) != []
    assert ASSISTANT in outcome.left
    assert cluster.objects[ASSISTANT]["metadata"]["finalizers"] == [names.FINALIZER]
    assert ObjectKey(BINDING.name, "ai", "other") in outcome.done
    cluster.before = None
    assert uninstall(cluster).left == {}
    assert plugins_of(cluster) == "mine"


def test_bindings_of_another_installation_stay_with_their_gateway() -> None:
    other = {**binding("other", spec_=spec({**EXPOSED, "expose": {"path": "/other"}})), **THEIRS}
    cluster = reconciled(attached(), other)

    outcome = uninstall(cluster, chosen="tools")

    assert key(other) in cluster.objects
    assert ASSISTANT not in cluster.objects
    assert "Deployment kong/gateway keeps its settings: bindings of another installation name it." in outcome.notes
    assert env(cluster) != []
    assert outcome.commands == ()


def test_two_installations_must_be_told_apart() -> None:
    cluster = reconciled(attached(), {**binding("other"), **THEIRS})

    with pytest.raises(click.UsageError, match=r"elsewhere \(1\), tools \(1\). Choose one with --operator-namespace"):
        uninstall(cluster)

    assert cluster.changing == []


def test_a_running_operator_does_the_work_and_this_process_only_deletes() -> None:
    cluster = reconciled(attached(), lease(holder="pod", renewed=datetime.now(UTC)), operator())

    outcome = uninstall(cluster)

    assert cluster.written("delete") == ["FiddlerKongBinding ai/assistant"]
    assert cluster.changing == cluster.written("delete")
    assert ASSISTANT in outcome.left
    assert outcome.problems[-1] == (
        "Not finished within 120 s. The operator in namespace tools runs: it does the work. See its log. Or stop it and run the command "
        "again: kubectl --namespace tools scale deployment/fiddler-kong-operator --replicas=0."
    )


def test_a_lease_that_nobody_renews_is_taken_and_freed() -> None:
    cluster = reconciled(attached(), lease(holder="", renewed=datetime(2026, 1, 1, tzinfo=UTC)), operator())

    outcome = uninstall(cluster)

    assert outcome.left == {}
    holders = [content["holderIdentity"].partition("_")[0] for content in cluster.leases]
    assert (holders[-1], set(holders[:-1])) == ("", {"uninstall"})
    objects = (f"{kind}/fiddler-kong-operator" for kind in ("deployment", "serviceaccount", "role", "rolebinding", "lease"))
    assert outcome.commands[:3] == (
        f"kubectl --namespace tools delete {' '.join(objects)}",
        "kubectl delete clusterrolebinding fiddler-kong-operator",
        "kubectl delete clusterrole fiddler-kong-operator fiddler-kong-operator-view fiddler-kong-operator-edit",
    )


def test_missing_rights_are_named_before_anything_is_changed() -> None:
    cluster = reconciled(attached(), denied={("patch", "services"), ("delete", "fiddlerkongbindings")})

    result = shown(cluster, "-A", "--yes")

    assert (cluster.changing, result.exit_code) == ([], 2)
    assert "You may not delete fiddlerkongbindings.integrations.fiddler.ai in namespace ai.\n" in result.stderr
    assert "You may not patch services in namespace ai.\n" in result.stderr


@pytest.mark.parametrize(
    ("metadata", "source"),
    [
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "llm:integrations.fiddler.ai/FiddlerKongBinding:ai/x"}},
            "Argo CD application llm",
        ),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "llm", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
            "Flux Kustomization flux/llm",
        ),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "llm", "helm.toolkit.fluxcd.io/namespace": "flux"}}, "Flux HelmRelease flux/llm"),
        ({"annotations": {"meta.helm.sh/release-name": "llm", "meta.helm.sh/release-namespace": "ai"}}, "Helm release ai/llm"),
        ({"managedFields": [{"manager": "argocd-controller", "operation": "Apply"}]}, "Argo CD"),
        (
            {"labels": {"olm.owner": "fiddler-kong-operator.v0.1.0", "olm.owner.namespace": "operators"}},
            "OLM's ClusterServiceVersion operators/fiddler-kong-operator.v0.1.0",
        ),
    ],
)
def test_a_binding_that_would_be_created_again_is_told_with_its_source(metadata: Manifest, source: str) -> None:
    result = shown(reconciled({**binding(**metadata), **OURS}), "-A")

    assert f"FiddlerKongBinding ai/assistant comes from {source}. Remove it there first, or it will be created again.\n" in result.stderr


def test_a_binding_that_was_created_again_is_left_alone_and_told() -> None:
    cluster = reconciled({**binding(), **OURS})
    cluster.recreated = at(binding(uid="uid-again"), 500)

    outcome = uninstall(cluster)

    assert outcome.problems == ("FiddlerKongBinding ai/assistant was created meanwhile. Remove it at its source first.",)
    assert cluster.objects[ASSISTANT]["metadata"]["uid"] == "uid-again"
    assert cluster.written("delete FiddlerKongBinding") == []


def test_settings_of_a_gateway_that_no_binding_names_any_more_are_given_back() -> None:
    cluster = reconciled(attached())
    for gone in [at_ for at_ in cluster.objects if at_.name.startswith("assistant")]:
        del cluster.objects[gone]

    outcome = uninstall(cluster, Scope(("ai",)), chosen="tools")

    assert (list(map(str, outcome.done)), outcome.left) == (["Deployment kong/gateway"], {})
    assert env(cluster) == []


def test_a_user_of_one_namespace_leaves_a_gateway_alone_that_unseen_bindings_may_need() -> None:
    cluster = reconciled(attached())
    cluster.only = {"ai", "kong"}
    cluster.objects[GATEWAY]["metadata"]["annotations"] = {names.GRANT_ANNOTATION: "ai,shop"}

    outcome = uninstall(cluster, Scope(("ai",)))

    assert "Deployment kong/gateway is left alone: you may not list the bindings of every namespace that may use it." in outcome.notes
    assert ASSISTANT in outcome.done
    assert env(cluster) != []


def test_an_interrupted_run_is_finished_by_the_next_one() -> None:
    cluster = reconciled(attached(), lease(holder="", renewed=datetime(2026, 1, 1, tzinfo=UTC)))

    def interrupt(verb: str, at_: ObjectKey) -> None:
        if (verb, at_) == ("merge_patch", ASSISTANT):
            raise KeyboardInterrupt

    cluster.before = interrupt
    result = shown(cluster, "-A", "--yes")

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "Interrupted. Run the command again to go on.")
    assert cluster.leases[-1]["holderIdentity"] == ""
    assert ASSISTANT in cluster.objects
    cluster.before = None
    assert uninstall(cluster).left == {}
    assert (env(cluster), plugins_of(cluster)) == ([], "mine")


def test_a_binding_that_others_hold_is_told_at_the_end() -> None:
    cluster = reconciled(attached())
    cluster.objects[ASSISTANT]["metadata"]["finalizers"] = ["example.com/hold", names.FINALIZER]

    outcome = uninstall(cluster)

    assert "FiddlerKongBinding ai/assistant is cleaned up; finalizers of others hold it: example.com/hold." in outcome.problems
    assert plugins_of(cluster) == "mine"


def test_the_document_has_a_stable_form() -> None:
    document = json.loads(shown(reconciled({**binding(), **OURS}), "-A", "-o", "json").stdout)

    assert list(document) == ["applied", "operator", "done", "left", "missingRights", "notes", "problems", "commands"]
    assert document["left"][0] == {"kind": "FiddlerKongBinding", "namespace": "ai", "name": "assistant", "change": "deleted"}


def test_a_cluster_without_the_definition_has_nothing_to_clean_up() -> None:
    result = shown(RemovableCluster(gateway()), "-A", "--yes")

    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "There was nothing to delete or restore.")


def test_wrong_use_ends_in_a_sentence() -> None:
    result = shown(reconciled(), "-A", "-n", "ai")

    assert (result.exit_code, "Give either -n or -A." in result.stderr) == (2, True)
