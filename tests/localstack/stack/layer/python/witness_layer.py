"""Stands for the layer: says where it was imported from."""

ORIGIN = __file__
