"""The gateway: applications ask for an alias, servers answer for the immutable model behind it."""
