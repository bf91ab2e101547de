"""Run the demo: `python -m devcluster.demo`. KEEP=1 leaves everything running before the last scene, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys

from devcluster.build import Builder
from devcluster.cluster import Cluster
from devcluster.endings import run_to_the_end
from devcluster.errors import DevClusterError
from devcluster.operator_process import OperatorProcess, install
from devcluster.pins import COMPONENTS, CONTROL_PLANE
from devcluster.progress import Reporter
from devcluster.stage import Stage

from .narrator import Narrator
from .scenes import SCENES, Play, SceneError, clean_up


async def _perform(cluster: Cluster, narrator: Narrator, *, keep: bool) -> None:
    async with Stage(cluster) as stage:
        narrator.done("Kong Ingress Controller 3.4.0 runs against a stand-in for Kong 3.13")
        await asyncio.to_thread(install, cluster)
        operator = OperatorProcess(cluster)
        await asyncio.to_thread(operator.start)
        try:
            narrator.done("the operator runs with the rights of its service account only")
            play = Play(stage, operator, narrator)
            for scene in SCENES:
                if scene is clean_up and keep:
                    await _linger(play)
                await scene(play)
        finally:
            await asyncio.to_thread(operator.stop)


async def _linger(play: Play) -> None:
    stage, narrator = play.stage, play.narrator
    narrator.scene("Everything keeps running until you press Ctrl-C")
    narrator.say(f"Fiddler's stand-in:  {stage.sink.url}")
    narrator.say(f"the gateway:         {stage.gateway.proxy_url}/openai and {stage.gateway.proxy_url}/chat")
    narrator.say(f"the cluster:         export KUBECONFIG={stage.cluster.kubeconfig}")
    narrator.say(f"kubectl:             {stage.cluster.program('kubectl')}")
    narrator.say(f"logs:                {stage.cluster.logs}")
    await asyncio.Event().wait()


def _play(narrator: Narrator, *, keep: bool) -> int:
    reporter = Reporter(stream=sys.stdout, live=sys.stdout.isatty())
    narrator.scene("A control plane on this machine: etcd, kube-apiserver, controllers, scheduler, one simulated node")
    Builder(reporter).programs(COMPONENTS[name] for name in (*CONTROL_PLANE, "kong-ingress-controller"))
    with Cluster.start(reporter=reporter) as cluster:
        narrator.done(f"Kubernetes 1.36.3 at {cluster.server}")
        asyncio.run(_perform(cluster, narrator, keep=keep))
    narrator.scene("The end")
    narrator.say("Try it on your own gateway: see README.md.")
    return 0


def main() -> int:
    """Run the demo; the exit code."""
    try:
        return run_to_the_end(lambda: _play(Narrator(), keep=os.environ.get("KEEP") == "1"))
    except (SceneError, DevClusterError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
