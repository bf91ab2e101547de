"""`python -m devcluster.demo`: the operator's main job, from an empty cluster to traces in a stand-in for Fiddler, and back.

Each scene waits for what it shows and fails loudly where it does not happen; the exit code is then 1.
"""
