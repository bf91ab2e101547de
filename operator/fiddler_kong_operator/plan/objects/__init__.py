"""The objects a binding wants in the cluster, and the attachment lists it changes."""
