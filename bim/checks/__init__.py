"""Checks of a delivered file against what a city or a client asks for."""
