"""Journals as releases wrote them, and what records and replays them."""
