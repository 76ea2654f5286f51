"""The command line, installed as `kerasgen_cli`: `kerasgen --help` must not wait for Keras.

Nothing here imports kerasgen, keras, numpy or matplotlib at module level.
"""
