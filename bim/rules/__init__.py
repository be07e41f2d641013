"""The rules of buildingSMART's validation service, families IFC, GRF and SPS, written anew.

``table.RULES``: rule → function, schemas, texts. ``table.run(case)``: the verdict of each.
"""
