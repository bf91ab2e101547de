"""The command that `helm test` runs in its pod, with the operator's own account and with one that may do nothing."""

from __future__ import annotations

from click.testing import CliRunner, Result

from devcluster.operator_process import NAMESPACE
from fiddler_kong_operator.cli import main
from tests.chart.rendering import Helm, only
from tests.integration.arena import Arena


def checked(arena: Arena, namespace: str, account: str) -> Result:
    """The check of the chart's test pod as this account."""
    pod = only(Helm(arena.stage.cluster.program("helm")).template(), "Pod")
    arguments = [argument.replace("$(POD_NAMESPACE)", NAMESPACE) for argument in pod["spec"]["containers"][0]["args"]]
    config = arena.stage.cluster.kubeconfig_for_service_account(namespace, account)
    return CliRunner(env={"KUBECONFIG": str(config)}).invoke(main, [*arguments, "--timeout=0"])


def test_the_operators_account_passes(arena: Arena) -> None:
    result = checked(arena, NAMESPACE, "fiddler-kong-operator")

    assert result.exit_code == 0, result.output
    assert "its account has every permission" in result.output
    assert " leads" in result.output


def test_an_account_without_roles_learns_what_it_lacks(arena: Arena) -> None:
    result = checked(arena, arena.namespace, "default")

    assert result.exit_code == 1
    assert "The account may not get, list, watch, create, patch, delete secrets." in result.output
    assert "could not look" in result.output
