"""Which metrics there are for what is measured, and what is refused before it is."""

import numbers

from kerasgen.evaluation.images import NEIGHBOURS
from kerasgen.evaluation.models import MODEL_METRICS
from kerasgen.metrics import comparison
from kerasgen.metrics import features as feature_networks


def default_metrics(model, features=None):
    """The names of the metrics that are measured unless some are asked for.

    Args:
        model: A model of kerasgen, or None: there are only images.
        features: Name of a feature network, the network or a Keras model. None: what suits the model's images.

    Returns:
        List of str. Those that take long ("negative_log_likelihood", "annealed_importance_sampling",
        "disentanglement", "multiscale_ssim") and the picture of neighbours are not among them.
    """
    names = []
    if model is not None:
        names = ["terms"]
        names += ["reconstruction"] * (hasattr(model, "reconstruct") and getattr(model, "bounded", True))
        names += ["latent"] * hasattr(model, "posterior")
    # What a plain autoencoder makes of N(0, I) is no claim of anybody.
    if model is None or model.generates:
        features = features or feature_networks.default(model.image_shape)
        names += [name for name in comparison.available(features) if name != "multiscale_ssim"]
    return names


def check_counts(**least):
    """Refuse what is no whole number, or too small a one; None stands for a default.

    Args:
        **least: Pairs of a number and the least that it may be, by the names of the arguments.
    """
    for name, (count, lowest) in least.items():
        whole = isinstance(count, numbers.Integral) and not isinstance(count, bool)
        if count is not None and not (whole and count >= lowest):
            raise ValueError(f"{name} is a whole number, at least {lowest}. Received: {name}={count!r}")


def check(names, data, split, model, subject):
    """Refuse at once what could only fail after hours.

    Args:
        names: Names of metrics, as of `evaluate`.
        data: `kerasgen.datasets.Data`, the real images.
        split: "train", "validation" or "test"; None: the one that `evaluate` takes.
        model: The model that is measured, trained or not; None: there are only images.
        subject: str. What errors call it.

    Raises:
        ValueError: If there is no such metric or split, or a metric does not fit the model.
    """
    known = [*comparison.SAMPLE_METRICS, NEIGHBOURS, *MODEL_METRICS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"Metrics are {', '.join(known)}. Received: {', '.join(unknown)}")
    if split is not None and not data.sizes.get(split):
        there = [name for name, size in data.sizes.items() if size]
        raise ValueError(f"{data.name} has the splits {', '.join(there)}. Received: split={split!r}")
    of_models = [name for name in names if name in MODEL_METRICS]
    if of_models and model is None:
        raise ValueError(f"{', '.join(of_models)} needs a run or a published model. Received: {subject}")
    needs = {
        "reconstruction": "reconstruct",
        "latent": "encode",
        "negative_log_likelihood": "log_likelihood",
        "annealed_importance_sampling": "log_likelihood",
        "disentanglement": "encode",
    }
    for name in of_models:
        if name in needs and not hasattr(model, needs[name]):
            raise ValueError(
                f"{name} needs a model with `{needs[name]}`. Received: {type(model).__name__} in {subject}"
            )
    if "reconstruction" in of_models and not getattr(model, "bounded", True):
        raise ValueError(
            'reconstruction compares values in [0, 1], which this model may leave: "terms" has its mean squared error. '
            f"Received: the likelihood {type(model.likelihood).__name__} in {subject}"
        )
    of_samples = [name for name in names if name not in MODEL_METRICS]
    if of_samples and model is not None and not hasattr(model, "generate"):
        raise ValueError(
            f"{', '.join(of_samples)} needs a model that draws images from latents. "
            f"Received: {type(model).__name__} in {subject}"
        )
    if model is not None and tuple(model.image_shape) != tuple(data.image_shape):
        raise ValueError(
            "The real images must have the shape of the model's. "
            f"Received: {data.image_shape} of {data.name}, {model.image_shape} of {subject}"
        )
