"""Keras's layers of maps, with channels last whatever `keras.config.image_data_format()` says."""

from functools import partial

from keras import layers

AveragePooling2D = partial(layers.AveragePooling2D, data_format="channels_last")
Conv2D = partial(layers.Conv2D, data_format="channels_last")
Conv2DTranspose = partial(layers.Conv2DTranspose, data_format="channels_last")
Cropping2D = partial(layers.Cropping2D, data_format="channels_last")
Flatten = partial(layers.Flatten, data_format="channels_last")
GlobalAveragePooling2D = partial(layers.GlobalAveragePooling2D, data_format="channels_last")
UpSampling2D = partial(layers.UpSampling2D, data_format="channels_last")
