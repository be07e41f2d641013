"""Adapters of the city's ports; only ``api.bootstrap`` names them."""
