"""Gradients on TensorFlow, JAX and PyTorch; the models know none of these.

Four primitives: `gradients` (of a loss with respect to a player's variables), `input_gradient` (of a function with
respect to its input, differentiable again), `update_if` (an update that may be skipped) and `prefers_xla` (whether
networks train faster compiled by XLA).
"""

import contextlib
import threading

import keras
import numpy as np
from keras import ops

# Below so many parameters a step on CPU takes as long with XLA as without.
XLA_PARAMETERS = 250_000


class _Entered(threading.local):
    """The scope that a thread is in."""

    scope = None


_ENTERED = _Entered()


class Scope(keras.StatelessScope):
    """A `keras.StatelessScope` that sees what the enclosing scope sees, and says which network added which loss.

    Keras's scopes do not inherit (a variable assigned in the outer scope is read there, but not in the inner one), and
    a second call of a network drops what `add_loss` gave in its first.
    """

    def __init__(self, state_mapping=None):
        super().__init__(state_mapping, collect_losses=True)
        self.network = None
        self.added = []

    def __enter__(self):
        super().__enter__()
        if self.original_scope is not None:
            self.state_mapping = {**self.original_scope.state_mapping, **self.state_mapping}
        self.outer, _ENTERED.scope = _ENTERED.scope, self
        return self

    def __exit__(self, *error):
        _ENTERED.scope = self.outer
        super().__exit__(*error)

    @staticmethod
    def active():
        """The scope that this thread is in, or None."""
        return _ENTERED.scope

    def add_loss(self, loss):
        """Keep a loss that a layer of the network now running adds."""
        super().add_loss(loss)
        self.added.append((self.network, loss))


def _tensorflow_gradients(loss, variables):
    import tensorflow as tf

    values = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape, Scope() as scope:
        for value in values:
            tape.watch(value)
        total, terms = loss()
    # An embedding's gradient comes as slices, which can be neither scaled nor tested for NaN.
    slices = tape.gradient(total, values)
    return [None if g is None else tf.convert_to_tensor(g) for g in slices], terms, scope.state_mapping


def _jax_gradients(loss, variables):
    import jax

    def total_of(values):
        with Scope(zip(variables, values)) as scope:
            total, terms = loss()
        return total, (terms, scope.state_mapping)

    gradient, (terms, state) = jax.grad(total_of, has_aux=True)([variable.value for variable in variables])
    return gradient, terms, state


def _torch_gradients(loss, variables):
    import torch

    with torch.enable_grad(), Scope() as scope:
        total, terms = loss()
    try:
        gradient = torch.autograd.grad(total, [variable.value for variable in variables], allow_unused=True)
    except RuntimeError as error:
        if "grad_weight must be contiguous" not in str(error):
            raise
        raise ValueError(
            "PyTorch on a CPU cannot differentiate convolutions of a single image twice, as gradient penalties do. Let "
            "each batch, the last one too, hold two images or more for each step of the discriminator on each device: "
            f"`drop_remainder=True` drops a last one that is smaller. Received: {error}"
        ) from error
    terms = {name: term.detach() for name, term in terms.items()}
    return gradient, terms, {key: value.detach() for key, value in scope.state_mapping.items()}


def gradients(loss, variables):
    """Differentiate a loss with respect to some variables.

    Args:
        loss: Function without arguments. Returns the scalar to differentiate and a dict of named scalars.
        variables: List of `keras.Variable`.

    Returns:
        The gradients (None where the loss does not depend on a variable), the named scalars, and the state after the
        loss: a dict from `id(variable)` to value, holding each variable that the loss assigned. Nothing is assigned.
    """
    if not variables:  # A frozen player.
        with Scope() as scope:
            _, terms = loss()
        return [], terms, scope.state_mapping
    return _of_backend(_tensorflow_gradients, _jax_gradients, _torch_gradients)(loss, variables)


def _tensorflow_input_gradient(function, inputs):
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape, Scope():
        tape.watch(inputs)
        total = ops.sum(function(inputs))
    return tape.gradient(total, inputs, unconnected_gradients="zero")


def _jax_input_gradient(function, inputs):
    import jax

    def total(inputs):
        with Scope():
            return ops.sum(function(inputs))

    return jax.grad(total)(inputs)


def _torch_input_gradient(function, inputs):
    import torch

    # Keras runs `test_step` under `no_grad`.
    with torch.enable_grad(), Scope():
        inputs = inputs if inputs.requires_grad else inputs.detach().requires_grad_()
        total = ops.sum(function(inputs))
        return torch.autograd.grad(total, inputs, create_graph=True, materialize_grads=True)[0]


def input_gradient(function, inputs):
    """Gradient of a function with respect to its input, one a sample: `d sum(function(x)) / dx`.

    It can be differentiated again, as gradient penalties need. What layers assign on the way (batch statistics, seeds)
    is dropped, since the function runs here only to be differentiated.

    Args:
        function: Function of a tensor `(batch, ...)`, giving a tensor whose first axis is the batch. Each output may
            depend on its own sample only.
        inputs: Tensor `(batch, ...)`.

    Returns:
        Tensor of the shape of `inputs`.

    Example:
        >>> float(kerasgen.engine.input_gradient(lambda x: x**3, keras.ops.array([2.0]))[0])
        12.0
    """
    inputs = ops.convert_to_tensor(inputs)
    return _of_backend(_tensorflow_input_gradient, _jax_input_gradient, _torch_input_gradient)(function, inputs)


def update_if(condition, update, variables):
    """Run an update of some variables, or leave them as they are, by a scalar that may be known only on the device.

    Args:
        condition: Boolean scalar tensor.
        update: Function without arguments that assigns to variables.
        variables: List of all variables that `update` may assign.
    """
    if keras.backend.backend() != "jax":
        ops.cond(condition, update, lambda: None)
        return
    with Scope() as scope:
        update()
    for variable in variables:
        variable.assign(ops.where(condition, scope.get_current_value(variable), variable.value))


def require(condition, message):
    """Raise an error where a condition does not hold.

    Args:
        condition: bool, or a boolean tensor where TensorFlow knows it only while it runs (XLA then does not look).
        message: str.

    Raises:
        ValueError: If it does not hold; while TensorFlow runs, `tf.errors.InvalidArgumentError`.
    """
    if isinstance(condition, (bool, np.bool_)):
        if not condition:
            raise ValueError(message)
        return
    import tensorflow as tf

    tf.debugging.Assert(condition, [message])


def prefers_xla(networks):
    """Whether training these networks is faster compiled by XLA, on this backend and device.

    JAX always compiles. PyTorch never does here. TensorFlow does on accelerators; on CPU, XLA shortens the step of
    large dense networks, lengthens that of convolutions, and on small networks only costs its compilation.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        return backend == "jax"
    import tensorflow as tf

    if any(device.device_type != "CPU" for device in tf.config.list_physical_devices()):
        return True
    convolutions = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.DepthwiseConv2D)
    layers = [layer for network in networks for layer in network._flatten_layers()]
    large = sum(network.count_params() for network in networks) > XLA_PARAMETERS
    return large and not any(isinstance(layer, convolutions) for layer in layers)


def global_noise_untouched():
    """A context that gives back PyTorch's global generator as it was: each pass through data draws from it there."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.random.fork_rng()


def _of_backend(tensorflow, jax, torch):
    return {"tensorflow": tensorflow, "jax": jax, "torch": torch}[keras.backend.backend()]
