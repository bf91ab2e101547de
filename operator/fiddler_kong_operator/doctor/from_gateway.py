"""Asks the trace endpoint from a pod of the gateway: its network, DNS and trusted certificates are not those of the operator."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.execution import execute
from fiddler_kong_operator.plan.acceptance.endpoint import RefusedAddress

from .evidence import Case, Look, Pod
from .looking import look
from .reach import Goal, Reach, read_reach, unread_reason

__all__ = ["goal_of", "probe_from_gateway"]

_SECONDS: Final = 40.0
"""For the whole command, whose program gives up after 20."""


def goal_of(case: Case) -> Goal | None:
    """Where Kong sends the traces; None unless the binding is accepted: no pod is sent to an address that the operator refuses."""
    spec, accepted = case.snapshot.binding.spec, case.findings.get(ConditionType.ACCEPTED)
    if spec is None or accepted is None or accepted.status != "True":
        return None
    try:
        return Goal.of(spec.fiddler)
    except RefusedAddress:
        return None


def server_pod(case: Case) -> Pod | None:
    """A ready pod of the gateway with the binding's container."""
    return next((pod for pod in case.pods.value or () if pod.ready and pod.container), None)


async def probe_from_gateway(client: Client, case: Case) -> Look[Reach]:
    """Ask the trace endpoint from one ready pod; returns an empty look where there is no endpoint to ask, or no pod to ask from."""
    goal, pod = goal_of(case), server_pod(case)
    if goal is None or pod is None or pod.container is None:
        return Look()
    name = pod.container.name
    ran = await look(execute(client.connection, pod.key, name, goal.command, _SECONDS))
    if ran.denied:  # the API server gives no reason to a user who has one verb of the two
        return Look(missing=f"{ran.missing.rstrip(': ')} (needed: get and create of pods/exec)", denied=True)
    if ran.value is None:
        return Look(missing=ran.missing or f"{pod.key} is gone. Run the doctor again.")
    reach = read_reach(pod.key, name, goal, ran.value)
    return Look(reach) if reach else Look(missing=unread_reason(pod.key, name, ran.value))
