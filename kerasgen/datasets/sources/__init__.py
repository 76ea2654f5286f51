"""The readers: embedded sets, arrays, `.npz` files, folders and TFDS sets, each to a `Source`."""
