"""Parts of the train stage."""
