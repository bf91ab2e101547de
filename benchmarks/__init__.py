"""What the operator costs, measured on a real control plane: `python -m benchmarks --help`, docs/benchmarks.md.

`stand` a fresh cluster with N bindings, and one of two contenders beside it: the operator as it is shipped, or `raw`, a loop that
        decides nothing and sends the same writes
`scenarios` what is measured; each gives a frozen result, `figures` are made of it
`report` the table for people, JSON, and the part of docs/benchmarks.md between the markers
"""
