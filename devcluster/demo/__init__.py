"""`python -m devcluster.demo` shows the operator's main job: from an empty cluster to traces in a stand-in for Fiddler, and back.

Each scene waits for its outcome. When one does not come, the demo says which and ends with exit code 1.
"""
