"""Layers that networks need and Keras lacks: none yet."""
