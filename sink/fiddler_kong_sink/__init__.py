"""The sink: a stand-in for Fiddler that receives the traces Kong sends and shows the sessions Fiddler would make of them.

It has a real OTLP/HTTP receiver, the two mapping tables of Fiddler's Kong integration page, the REST calls that fiddler-kong-operator uses,
a small web page, and faults that can be switched on. It is not Fiddler: it stores nothing and evaluates nothing. Where Fiddler does not
publish its behaviour (the status for a bad key on the trace endpoint, for instance), the sink takes the usual one, and the module says so.

    settings, faults   settings for a run, and faults that can change during it
    otlp, spans        bytes on the wire -> one frozen value per span
    admission          the silent drops: application ids, size, ids of the span
    mapping, messages  the two tables of the integration page
    sessions, journal  the kept sessions and spans; the log of deliveries and drops
    receiver, rest, dashboard, server   HTTP
    cli                the command `fiddler-kong-sink`, also `fiddler-kong sink` where the operator's command is installed

To run it inside a Python program: `from fiddler_kong_sink.server import Sink`. This module imports nothing, so that importing the package
loads neither protobuf nor aiohttp.
"""

__version__ = "0.1.0"
