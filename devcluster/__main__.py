"""The command line: `python -m devcluster up | down | status | env | build | run -- COMMAND`."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import state
from .build import Builder
from .cluster import Cluster
from .endings import run_to_the_end
from .errors import DevClusterError
from .pins import COMPONENTS, CONTROL_PLANE, GATEWAY_API_CRDS, KONG_CRDS
from .progress import Reporter, elapsed_text
from .surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .state import ClusterState

_DEFAULT_NAME: Final = os.environ.get("DEVCLUSTER_NAME", "default")
_BUILT_BY_DEFAULT: Final = (*CONTROL_PLANE, "kong-ingress-controller", "helm", "kstatus", "promql", "actionlint", "olm")
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. The exit code is 1 after an error message, 130 after Ctrl-C, else the verb's own."""
    options = _parser().parse_args(arguments)
    verbs = {"up": _up, "down": _down, "status": _status, "env": _env, "build": _build, "run": _run}
    try:
        return run_to_the_end(lambda: verbs[options.verb](options, Reporter()))
    except DevClusterError as error:
        print(f"devcluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("devcluster: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devcluster", description="A real Kubernetes control plane on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="start a cluster and leave it running")
    up.add_argument("--kong-admin-url", metavar="URL", help="run Kong Ingress Controller against this Kong, without stand-ins")
    down = verbs.add_parser("down", help="stop a cluster that `up` started")
    down.add_argument("--all", action="store_true", help="stop every cluster that `up` started")
    verbs.add_parser("status", help="list the clusters and their processes")
    env = verbs.add_parser("env", help='print shell lines that point kubectl at a cluster: eval "$(python -m devcluster env)"')
    build = verbs.add_parser("build", help="build the programs without starting anything")
    build.add_argument("component", nargs="*", default=list(_BUILT_BY_DEFAULT), help=f"of: {', '.join(COMPONENTS)}")
    run = verbs.add_parser("run", help="start a cluster, run a command with its KUBECONFIG, then stop the cluster")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the command and its arguments")
    for verb in (up, down, env):
        verb.add_argument("--name", default=_DEFAULT_NAME, help="name of the cluster (default: %(default)s)")
    for verb in (up, run):
        verb.add_argument("--no-kong", action="store_true", help="the control plane only, without Kong's resource definitions")
    return parser


def _up(options: argparse.Namespace, reporter: Reporter) -> int:
    started = time.monotonic()
    cluster = Cluster.start(options.name, kong=not options.no_kong, persistent=True, reporter=reporter)
    try:
        surroundings = _surround(cluster, options)
    except BaseException:
        cluster.stop()
        raise
    name = "" if options.name == _DEFAULT_NAME else f" --name {options.name}"
    reporter.line(f"Cluster {options.name!r} is up after {elapsed_text(time.monotonic() - started)}: {cluster.server}")
    if surroundings:
        reporter.line(f"  gateway    {surroundings.gateway} (a stand-in for Kong: Deployment kong-gateway in namespace kong)")
        reporter.line(f"  fiddler    {surroundings.sink} (a stand-in: open it in a browser to see the sessions)")
    reporter.line(f"  logs       {cluster.logs}")
    reporter.line(f'  use it     eval "$({_prog()} env{name})"')
    reporter.line(f"  stop it    {_prog()} down{name}")
    return 0


def _surround(cluster: Cluster, options: argparse.Namespace) -> Surroundings | None:
    if options.kong_admin_url:
        cluster.start_kong_controller(options.kong_admin_url)
    return None if options.no_kong or options.kong_admin_url else Surroundings.start(cluster)


def _down(options: argparse.Namespace, reporter: Reporter) -> int:
    states = state.find_states() if options.all else (state.find_state(options.name),)
    for found in states:
        state.stop_recorded_cluster(found)
        reporter.line(f"Cluster {found.layout.name!r} is stopped; its logs stay in {found.layout.logs}")
    return 0


def _status(_options: argparse.Namespace, _reporter: Reporter) -> int:
    states = state.find_states()
    if not states:
        print("No cluster runs.")
    for found in states:
        print(f"{found.layout.name}  {'running' if found.running else 'broken'}  {found.layout.kubeconfig('admin')}")
        for record in found.processes:
            print(f"  {record.name:<24} pid {record.pid:<8} {'running' if record.alive else 'ended'}")
    return 0


def _env(options: argparse.Namespace, _reporter: Reporter) -> int:
    for name, value in _environment(state.find_state(options.name)).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _build(options: argparse.Namespace, reporter: Reporter) -> int:
    unknown = sorted(set(options.component) - set(COMPONENTS))
    if unknown:
        raise DevClusterError(f"Unknown: {', '.join(unknown)}. Known: {', '.join(COMPONENTS)}.")
    builder = Builder(reporter)
    for name, path in builder.programs(COMPONENTS[name] for name in options.component).items():
        print(f"{name:<24} {COMPONENTS[name].version:<10} {path}")
    if "kong-ingress-controller" in options.component:
        for wanted in (KONG_CRDS, GATEWAY_API_CRDS):
            builder.definitions(wanted)
    return 0


def _run(options: argparse.Namespace, reporter: Reporter) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise DevClusterError("run needs a command: python -m devcluster run -- kubectl get nodes")
    with Cluster.start(kong=not options.no_kong, reporter=reporter) as cluster:
        environment = {**os.environ, **_environment(state.find_state(cluster.name))}
        try:
            return subprocess.run(command, env=environment, check=False).returncode
        except OSError as error:
            raise DevClusterError(f"{command[0]} cannot be run: {error.strerror}") from error


def _environment(found: ClusterState) -> dict[str, str]:
    folders = dict.fromkeys(str(program.parent) for program in (*found.programs, Path(sys.executable)))
    surroundings = Surroundings.find(found.layout)
    return {
        "KUBECONFIG": str(found.layout.kubeconfig("admin")),
        "PATH": os.pathsep.join([*folders, os.environ.get("PATH", "")]),
        **(surroundings.environment if surroundings else {}),
    }


def _prog() -> str:
    return f"{os.path.relpath(sys.executable)} -m devcluster"


if __name__ == "__main__":
    sys.exit(main())
