"""Scoring, metrics and statistics of the evaluate stage."""
