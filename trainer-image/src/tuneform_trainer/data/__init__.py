"""Rows: reading, checking and splitting them. Pure functions; nothing here knows a workspace."""
