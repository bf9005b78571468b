"""Answers as words, bars and JSON. No arithmetic beyond formatting."""
