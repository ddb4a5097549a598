"""Verification data of a campaign: references, stations, rain and recorded series, read and checked."""
