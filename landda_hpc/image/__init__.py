"""Tiles <-> image: land cells, aggregation, distribution with bounds, the water ledger."""
