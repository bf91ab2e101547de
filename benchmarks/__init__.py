"""Measures the costs of the operator on a real control plane: `python -m benchmarks --help`, docs/benchmarks.md.

`stand` a fresh cluster with N bindings, served by one of two contenders: the operator as it is shipped, or `raw`, a loop that
        decides nothing and sends the same writes
`scenarios` the measurements; each returns a frozen result, from which `figures` are computed
`report` the table for people, JSON, and the part of docs/benchmarks.md between the markers
"""
