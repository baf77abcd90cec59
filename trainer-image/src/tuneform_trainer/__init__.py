"""The stages of a Tuneform fine-tune."""
