"""The terms of a model's loss as figures."""


def terms(model, data, split):
    """The terms of a model's loss on a split, as `model.evaluate` gives them.

    Args:
        model: A compiled model of kerasgen.
        data: `kerasgen.datasets.Data`.
        split: str.

    Returns:
        Dict of floats; of a VAE with "negative_elbo", the sum of reconstruction and KL whatever `beta` is.
    """
    batches = getattr(data, split)
    figures = {name: float(value) for name, value in model.evaluate(batches, verbose=0, return_dict=True).items()}
    if has_bound(model):
        figures["negative_elbo"] = figures["reconstruction"] + figures["kl"]
    return figures


def has_bound(model):
    """Whether the terms of a model's loss are those of the evidence lower bound."""
    return hasattr(model, "log_likelihood")
