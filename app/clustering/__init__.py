"""Grouping of tracks into people: arrays in, arrays out."""
