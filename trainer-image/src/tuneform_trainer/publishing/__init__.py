"""Contract, model card and report of a run."""
