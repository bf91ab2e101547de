"""All I/O with the API server: requests, watches, what is observed of the cluster, and the writes of a plan.

The Kubernetes client library is known only here. `client` speaks HTTP, `reflector` keeps a kind in sync, `store` holds what is observed in
reduced form, `reader` gathers a snapshot from it and `applier` carries out a plan.
"""
