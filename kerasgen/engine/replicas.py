"""What the replicas of a model must agree on, where one step is done by several devices.

A global batch of `B` images is cut among `N` replicas. Replica `r` computes its terms as on one device, means over its
`B_r` images. What it differentiates is its share `B_r / B` of the loss. Those of the global batch are

    term = sum_r (B_r / B) term_r,        gradient = sum_r gradient_r

so that a step on `N` devices is the step on one, also where the terms of a replica depend on images of others
(`gathered`). On JAX there is nothing to do: a step is one program over global
arrays, and `count` is 1. On TensorFlow the replicas are threads of a `tf.distribute` strategy, on PyTorch they are
processes of `torch.distributed`. There replica `r` holds the images `r, r + N, r + 2 N, ...` of the global batch, so
that the first images of all replicas together are the first ones of the batch (a critic's steps cut the batch in
parts), and likewise draws are made for the global batch, of which it takes its own.
"""

import contextlib
import functools
import threading
import types

import keras
from keras import ops

from kerasgen.engine.processes import torch_processes

#: Elements of an optimizer's step that TensorFlow does for all replicas at once, which it cannot under a condition.
_STEPS_OF_ALL = (
    "_apply_weight_decay",
    "_backend_increment_gradient_accumulators",
    "_backend_update_step",
    "_overwrite_model_variables_with_average_value",
)


class _Batch(threading.local):
    """What is known of the batch of the step that this thread does.

    Attributes:
        even: bool. Whether each replica has as many images.
        copies: int or scalar tensor. How many replicas have the same images: 1, or all where these are too few to cut.
    """

    even = False
    copies = 1


batch = _Batch()


def count():
    """The number of replicas among which the step that now runs is divided."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        context = _context()
        return 1 if context is None else context.num_replicas_in_sync
    if backend == "torch":
        processes = torch_processes()
        return 1 if processes is None else processes.get_world_size()
    return 1


def index():
    """Which of the replicas this is, from 0."""
    backend = keras.backend.backend()
    if backend == "tensorflow" and _context() is not None:
        import tensorflow as tf

        return int(tf.get_static_value(_context().replica_id_in_sync_group))
    return 0 if backend != "torch" or torch_processes() is None else torch_processes().get_rank()


def sums(tensors):
    """The sums of tensors over all replicas, in one exchange; nothing is differentiated through them.

    Args:
        tensors: List of float32 tensors.

    Returns:
        List of tensors, the same in each replica.
    """
    if not tensors or count() == 1:
        return tensors
    if keras.backend.backend() == "tensorflow":
        return _context().all_reduce("SUM", tensors)
    import torch

    flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
    torch_processes().all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors)]


def gathered(tensor):
    """A tensor of each replica, differentiable any number of times.

    It is the sum over replicas of tensors that are zero but in the row of their own, `y = sum_s t_s`. What is
    differentiated is a sum over replicas, too, of losses `L_r` that each know their own copy `y_r` of `y`, hence

        d(sum_r L_r)/dt_s = sum_r dL_r/dy_r

    on each replica: the gradient of a sum over replicas is the sum over replicas of gradients, again such a sum. There
    are no weights in it, because the shares `B_r / B` of unequal parts are in the losses already (`share`). With losses
    that are means, and gradients weighted afterwards, replica `s` would have to be given `sum_r (B_r / B_s) dL_r/dy_r`,
    which is wrong in turn for the gradient of a sum over images that a gradient penalty takes (`input_gradient`).

    Args:
        tensor: Float tensor of a shape that is the same in all replicas. All call this, in the same order.

    Returns:
        Tensor with a further first axis, one row a replica, the same in each replica.
    """
    if count() == 1:
        return tensor[None]
    own = ops.reshape(ops.one_hot(index(), count(), dtype=tensor.dtype), (-1, *[1 for _ in tensor.shape]))
    rows = own * tensor[None]
    if keras.backend.backend() == "tensorflow":
        return _context().all_reduce("SUM", rows)  # TensorFlow differentiates it as above.
    return rows if rows.is_meta else _torch_sum().apply(rows)  # Keras asks for shapes with tensors without values.


@functools.cache
def _torch_sum():
    import torch

    class Sum(torch.autograd.Function):
        """The sum over processes, whose gradient is the sum over processes."""

        @staticmethod
        def forward(context, tensor):
            tensor = tensor.clone(memory_format=torch.contiguous_format)
            torch_processes().all_reduce(tensor)
            return tensor

        @staticmethod
        def backward(context, gradient):
            return Sum.apply(gradient)

    return Sum


def total(rows):
    """The images of all replicas, where this one has so many.

    Args:
        rows: int or scalar tensor.

    Returns:
        int or scalar int32 tensor.
    """
    if count() == 1:
        return rows
    if batch.even and not ops.is_tensor(rows):
        return rows * count()
    whole = ops.cast(sums([ops.cast(rows, "float32")])[0], "int32")
    return whole if keras.backend.backend() == "tensorflow" else int(whole)


def mean(tensor, rows):
    """The mean over the global batch, for what else would depend on a mean in another way than linearly.

    Args:
        tensor: float32 tensor, a mean over this replica's images.
        rows: int or scalar tensor. How many images these are.

    Returns:
        Tensor of the same shape, the same in each replica, through which nothing is differentiated.
    """
    tensor = ops.stop_gradient(tensor)
    return tensor if count() == 1 else sums([tensor * share(rows)])[0]


def counted(number):
    """How much a step counts in a mean over steps, where this replica's part of the batch counts so much.

    Args:
        number: float32 scalar tensor. The images of this replica, or the sum of their weights.

    Returns:
        float32 scalar tensor. On TensorFlow what this replica adds: there the state of metrics is a sum over replicas.
    """
    if count() == 1:
        return number
    if keras.backend.backend() != "tensorflow":
        number = sums([number])[0]
    return number / ops.cast(batch.copies, "float32")


def draw(distribution, shape, seed):
    """Draw noise of this replica's images: its part of the noise of the global batch, or all where it has all images.

    Args:
        distribution: "normal" or "uniform" (a function of `keras.random`).
        shape: Shape of the noise. The first axis is that of the images.
        seed: `keras.random.SeedGenerator`, in the same state in all replicas.

    Returns:
        float32 tensor.
    """
    function = getattr(keras.random, distribution)
    if count() == 1:
        return function(shape, dtype="float32", seed=seed)
    rows, *others = shape
    if not ops.is_tensor(batch.copies):
        whole, first, step = (rows, 0, 1) if batch.copies > 1 else (total(rows), index(), count())
    else:
        same = batch.copies > 1
        whole, first, step = (ops.where(same, *pair) for pair in ((rows, total(rows)), (0, index()), (1, count())))
    noise = function((whole, *others), dtype="float32", seed=seed)[first::step]
    return ops.reshape(noise, (-1, *others))  # TensorFlow has lost the number of axes.


def share(rows):
    """The share of the global batch that a replica has: what its means weigh.

    Args:
        rows: int or scalar tensor. The images of this replica.

    Returns:
        float32 scalar tensor, or None where it has all.
    """
    return None if count() == 1 else ops.cast(rows, "float32") / ops.cast(total(rows), "float32")


def agree(share, gradient, terms, state):
    """What a step of a player computes, as if it had been done on the global batch.

    Args:
        share: What `share` gives.
        gradient: List of tensors or None, the gradients of this replica's share of the loss.
        terms: Dict of scalars, means over these images.
        state: Dict of float tensors that layers keep, such as batch statistics.

    Returns:
        `(gradient, terms, state)` in the same structure. The state is the mean over replicas.
    """
    if count() == 1:
        return gradient, terms, state
    known = [ops.cast(each, "float32") for each in gradient if each is not None]
    means = [ops.cast(each, "float32") * share for each in (*terms.values(), *state.values())]
    summed = iter(sums([*known, *means]))
    gradient = [None if each is None else ops.cast(next(summed), each.dtype) for each in gradient]
    terms = {name: next(summed) for name in terms}
    return gradient, terms, {key: ops.cast(next(summed), value.dtype) for key, value in state.items()}


@contextlib.contextmanager
def own_noise_of_layers(scope, generators):
    """While in the context, layers with generators of their own (dropout) draw other numbers in each replica.

    Args:
        scope: `keras.StatelessScope` in which they draw. Their new states are those of one device.
        generators: List of `keras.random.SeedGenerator`.
    """
    if count() == 1 or not generators:
        yield
        return
    before = {id(each.state): each.state.value for each in generators}
    for key, state in before.items():
        # Another key of the counter-based generator; the counter, which is what is kept, stays.
        scope.state_mapping[key] = ops.stack([state[0] + ops.cast(index() * 7919, state.dtype), state[1]])
    yield
    for key, state in before.items():
        scope.state_mapping[key] = ops.stack([state[0], scope.state_mapping[key][1]])


@contextlib.contextmanager
def assigning(variables):
    """While in the context, a replica assigns to its own copies of variables. It exchanges nothing meanwhile.

    TensorFlow else wants to know how the values of all replicas become one. Here they are the same by construction.
    """
    if keras.backend.backend() != "tensorflow" or count() == 1:
        yield
        return
    mirrored = [(variable, variable._value) for variable in variables if hasattr(variable._value, "values")]
    for variable, value in mirrored:
        variable._value = value.values[index()]
    try:
        yield
    finally:
        for variable, value in mirrored:
            variable._value = value


def steps_alone(optimizer):
    """Let an optimizer of TensorFlow step in each replica by itself, by gradients that are the same in all.

    It else adds up the gradients of the replicas, which here are sums already.
    """
    plain = next(base for base in type(optimizer).__mro__ if base.__name__ == "BaseOptimizer")
    for name in [name for name in _STEPS_OF_ALL if hasattr(plain, name)]:
        setattr(optimizer, name, types.MethodType(getattr(plain, name), optimizer))


def _context():
    """The replica of TensorFlow that this thread is, or None outside of a step of several."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context
