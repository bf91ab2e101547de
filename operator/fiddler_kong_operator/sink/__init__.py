"""The sink: a stand-in for Fiddler that receives what Kong sends and shows what Fiddler would make of it.

It is a real OTLP/HTTP receiver with the two mapping tables of Fiddler's Kong integration page, the REST calls this project uses, a small
web page, and switches for failing answers. It is not Fiddler: it stores nothing, evaluates nothing, and where Fiddler publishes no
behaviour (the codes for a bad key on the trace endpoint, for instance) it takes the usual one and says so in the module concerned.

    settings, faults   what can be set, before and during a run
    otlp, spans        bytes on the wire -> one frozen value per span
    admission          the silent drops: application ids, size, ids of the span
    mapping, messages  the page's two tables
    sessions, journal  what is kept: sessions and their spans; deliveries and drops
    receiver, rest, dashboard, server   HTTP

Use in process: `from fiddler_kong_operator.sink.server import Sink`. This module imports nothing, so that naming the package loads neither
protobuf nor aiohttp.
"""
