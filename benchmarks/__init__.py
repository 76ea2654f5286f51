"""Figures that README and ZOO.md state, each by a command."""
