"""The conditions of a binding and the status computed from them."""
