from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fiddler_kong_operator.cli import main
from tests.unit.cli.clusters import SmallCluster, serving
from tests.unit.doctor.cases import lease

LEASE = "--lease-namespace=operators"


@pytest.fixture
def cluster() -> SmallCluster:
    return SmallCluster(lease("2999-01-01T00:00:00Z"))


@pytest.fixture
def kubeconfig(cluster: SmallCluster, tmp_path: Path) -> Iterator[str]:
    with serving(cluster, tmp_path) as path:
        yield path


def check(kubeconfig: str, *options: str) -> Result:
    return CliRunner(env={"KUBECONFIG": kubeconfig}).invoke(main, ["check", "--timeout=0", *options])


def test_an_installation_in_order_passes(kubeconfig: str) -> None:
    result = check(kubeconfig, LEASE)

    assert result.exit_code == 0, result.output
    assert "its account has every permission" in result.output
    assert "operator-1 leads" in result.output


def test_each_missing_permission_is_named_with_its_namespace(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.denied = {("watch", "secrets"), ("list", "secrets"), ("patch", "fiddlerkongbindings"), ("update", "leases")}

    result = check(kubeconfig, LEASE, "--namespaces=ai,shop")

    assert result.exit_code == 1
    for what in (
        "list, watch secrets in namespace ai.",
        "list, watch secrets in namespace shop.",
        "patch fiddlerkongbindings.integrations.fiddler.ai in namespace ai.",
        "patch fiddlerkongbindings.integrations.fiddler.ai/status in namespace ai.",
        "update leases.coordination.k8s.io in namespace operators.",
    ):
        assert f"The account may not {what}" in result.output


@pytest.mark.parametrize(("flags", "code"), [([], 1), (["--namespaces=ai"], 0), (["--namespaces=ai", "--read-cluster-kinds"], 1)])
def test_kinds_of_the_cluster_count_only_where_the_operator_reads_them(
    kubeconfig: str, cluster: SmallCluster, flags: list[str], code: int
) -> None:
    cluster.denied = {("list", "ingressclasses")}

    assert check(kubeconfig, LEASE, *flags).exit_code == code


@pytest.mark.parametrize(("access", "code"), [("watch", 1), ("get", 0)])
def test_with_get_nothing_has_to_be_listed_of_secrets(kubeconfig: str, cluster: SmallCluster, access: str, code: int) -> None:
    cluster.denied = {("list", "secrets"), ("watch", "secrets")}

    assert check(kubeconfig, LEASE, f"--secrets-access={access}").exit_code == code


def test_without_leader_election_no_lease_is_asked_for(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.objects.clear()

    result = check(kubeconfig)

    assert result.exit_code == 0, result.output
    assert "the operator runs without leader election" in result.output


@pytest.mark.parametrize("leases", [[lease("2020-01-01T00:00:00Z")], []], ids=["stale", "none"])
def test_an_operator_that_does_not_lead_fails(kubeconfig: str, cluster: SmallCluster, leases: list[dict[str, object]]) -> None:
    cluster.objects[:] = leases

    assert check(kubeconfig, LEASE).exit_code == 1


def test_a_lease_that_may_not_be_read_is_not_taken_for_fine(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.forbidden = {"leases"}

    assert check(kubeconfig, LEASE).exit_code == 2


def test_an_api_server_without_an_answer_is_said(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.texts["/version"] = "none"

    assert check(kubeconfig, LEASE).exit_code == 2


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_an_endless_wait_is_no_number_of_seconds(kubeconfig: str, seconds: str) -> None:
    result = check(kubeconfig, LEASE, f"--timeout={seconds}")

    assert result.exit_code == 2
    assert f"{seconds} is no number of seconds." in result.output
