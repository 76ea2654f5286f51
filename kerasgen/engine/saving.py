"""What is saved with a model, and the config that makes it again."""

import inspect

import keras
from keras import ops
from keras.src.backend.common import global_state

from kerasgen.engine import sharing
from kerasgen.export import litert, onnx, saved_model


class Tunable:
    """A scalar hyperparameter of a model that may change during training, such as beta.

    It is a class attribute of the model. Reading gives a scalar variable, so that compiled steps see a new value;
    `model.beta = 0.5` assigns it. It is saved with the model, and counted neither in `count_params` nor in `weights`.
    """

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, model, owner=None):
        if model is None:
            return self
        if self.name not in model._tunables:
            raise AttributeError(self.name)
        return model._tunables[self.name]

    def __set__(self, model, value):
        if self.name in model._tunables:
            model._tunables[self.name].assign(value)
        else:
            initial = keras.initializers.Constant(value)
            variable = model.add_weight((), initial, dtype="float32", trainable=False, name=self.name)
            model._tunables = {**model._tunables, self.name: variable}


class Saved:
    """The part of `GenerativeModel` that is about files: variables that no network holds, and the config."""

    @property
    def weights(self):
        """The weights of the networks. Hyperparameters that may change are saved, but are no weights."""
        tunables = {id(variable) for variable in self._tunables.values()}
        return [weight for weight in super().weights if id(weight) not in tunables]

    def _seed_generators_of_layers(self):
        return [generator for layer in self._flatten_layers() for generator in layer._seed_generators]

    def _seed_states(self):
        return [generator.state for generator in self._seed_generators_of_layers()]

    def save(self, filepath, *args, **kwargs):
        """As `keras.Model.save`.

        Raises:
            ValueError: If the file is to be one of HDF5, the old format, which holds no networks within a model.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            self._refuse_hdf5(filepath)
        with sharing.placing():  # Keras makes variables on the way, which else all processes would have to make.
            return super().save(filepath, *args, **kwargs)

    def _refuse_hdf5(self, given):
        raise ValueError(
            "HDF5 holds no model that is made of models: save it as `.keras`, or its weights alone by "
            f'`save_weights("name.weights.h5")`. Received: {given}'
        )

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Write what `kerasgen.export` writes, with the averages of weights where there are some.

        `tf.saved_model.save(model, path)` and `TFLiteConverter.from_keras_model(model)` do not know which of a model's
        functions they are to write, and are refused: `format="litert"` is what the latter gives.

        Args:
            filepath: Path of the folder.
            format: "tf_saved_model" (`kerasgen.export.saved_model`), "onnx" or "litert", a file a network in it.
            verbose: Without effect.
            input_signature: None: the signatures are those of the model.
            **kwargs: Further arguments of the function of `kerasgen.export`.

        Returns:
            `pathlib.Path` of the folder.

        Raises:
            ValueError: If the format is none of these, or the path is that of a file.
        """
        writers = {"tf_saved_model": saved_model, "onnx": onnx, "litert": litert}
        if format not in writers:
            raise ValueError(f"format must be one of {list(writers)}. Received: {format!r}")
        if input_signature is not None:
            raise ValueError(
                "A model of kerasgen has its signatures, on batches of any size: see `kerasgen.export.saved_model`. "
                "Received: input_signature"
            )
        if str(filepath).endswith((".onnx", ".tflite")):
            raise ValueError(f"Each network becomes a file of its own: pass the path of a folder. Received: {filepath}")
        return writers[format](self, filepath, **kwargs)

    def _trackable_children(self, save_type="checkpoint", **kwargs):
        """What `tf.saved_model.save` asks for, and TensorFlow's checkpoints."""
        if save_type == "savedmodel":
            self._refuse_tracing()
        return super()._trackable_children(save_type, **kwargs)

    def _get_save_spec(self, dynamic_batch=True):
        """What `TFLiteConverter.from_keras_model` asks for."""
        self._refuse_tracing()

    def _refuse_tracing(self):
        raise ValueError(
            "TensorFlow does not know which functions of this model to save: use `model.export(path)`, or "
            '`model.export(path, format="litert")` for TensorFlow Lite. '
            f"Received: {type(self).__name__} in `tf.saved_model.save` or `TFLiteConverter.from_keras_model`"
        )

    def save_own_variables(self, store):
        """Save what no network holds: hyperparameters, and the state of all random generators, which Keras forgets."""
        super().save_own_variables(store)
        for index, state in enumerate(self._seed_states()):
            store[f"seed_{index}"] = ops.convert_to_numpy(state)

    def load_own_variables(self, store):
        """Load what `save_own_variables` saved."""
        states = self._seed_states()
        keys = list(store.keys())
        saved = [key for key in keys if key.startswith("seed_")]
        if len(saved) != len(states):
            raise ValueError(
                f"The weights are those of another model: it has {len(states)} random generators. "
                f"Received: {len(saved)} states"
            )
        super().load_own_variables({key: store[key] for key in keys if key not in saved})
        for index, state in enumerate(states):
            state.assign(store[f"seed_{index}"])

    @classmethod
    def _arguments(cls):
        """The names of the constructor's arguments, those of the base classes included."""
        parameters = {}
        for base in cls.__mro__[: cls.__mro__.index(keras.Model)]:
            parameters |= inspect.signature(base.__init__).parameters
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        # `players` is how a subclass tells a base of further players.
        others = ("self", "players")
        return [name for name, p in parameters.items() if p.kind not in kinds and name not in others]

    def get_config(self):
        """Config: each argument of the constructor, from the attribute of its name.

        Raises:
            ValueError: If `keras.saving.save_model` asks for it to write HDF5; it has opened the file by then.
        """
        if global_state.get_global_attribute("use_legacy_config"):
            self._refuse_hdf5(f"{type(self).__name__} in `keras.saving.save_model`")
        config = {"name": self.name, "dtype": keras.dtype_policies.serialize(self.dtype_policy)}
        for name in self._arguments():
            value = getattr(self, name)
            value = float(value) if isinstance(value, keras.Variable) else value
            config[name] = keras.saving.serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of a config."""
        return cls(**{key: keras.saving.deserialize_keras_object(v, custom_objects) for key, v in config.items()})
