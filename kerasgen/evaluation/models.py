"""Figures of a model itself, beside those of its images."""

import dataclasses

import keras
import numpy as np

from kerasgen import datasets, metrics
from kerasgen.metrics.terms import has_bound, terms

#: Images whose likelihood is estimated by annealed importance sampling: each costs thousands of gradients.
ANNEALED = 100


@dataclasses.dataclass
class Task:
    """What a metric of a model needs: the model and the real images."""

    model: keras.Model | None
    data: datasets.Data
    split: str
    draws: int
    seed: int

    def batches(self, indices=None):
        """Pairs of real images and the labels that the model takes, or None."""
        for images, labels in self.data.batches(self.split, 500, indices):
            yield images, labels if self.model.conditional else None

    def choice(self, count):
        """Indices of so many real images, drawn at random: a folder may be in the order of its classes."""
        return np.random.default_rng(self.seed).permutation(self.data.sizes[self.split])[:count]

    def labels(self, count):
        """Labels for generated images: those of the real ones in random order, so that classes are as frequent."""
        labels = np.concatenate([labels for _, labels in self.data.batches(self.split)])
        return np.resize(labels[self.choice(len(labels))], count)


def _terms(task):
    said = {"unit": "nats an image"} if has_bound(task.model) else {}
    return terms(task.model, task.data, task.split), said


def _reconstruction(task):
    metric = metrics.ReconstructionError()
    for images, labels in task.batches():
        metric.update_state(images, task.model.reconstruct(images, labels))
    return metric.result(), {"structural_similarity": metrics.similarity_protocol(task.data.image_shape)}


def _latent(task):
    metric = metrics.ActiveUnits()
    for images, labels in task.batches():
        metric.update_state(task.model.encode(images, labels))
    return metric.result(), {"active_units_threshold": metric.threshold}


def _negative_log_likelihood(task):
    metric = metrics.NegativeLogLikelihood(task.model, samples=task.draws, seed=task.seed)
    for images, labels in task.batches():
        metric.update_state(images, labels)
    return metric.result(), {"likelihood_draws": task.draws}


def _annealed_importance_sampling(task):
    metric = metrics.AnnealedImportanceSampling(task.model, seed=task.seed)
    chosen = task.choice(ANNEALED)
    for images, labels in task.batches(chosen):
        metric.update_state(images, labels)
    said = {"images": len(chosen), "chains": metric.chains, "temperatures": metric.steps}
    said |= {"leapfrog_steps": metric.leapfrog_steps, "simulated_images": metric.simulated}
    return metric.result(), {"annealed_importance_sampling": said}


def _disentanglement(task):
    if task.data.name != "shapes":
        raise ValueError(
            f"disentanglement needs known factors, those of the data set shapes. Received: {task.data.name}"
        )
    if task.model.conditional:
        raise ValueError("disentanglement measures codes of images alone. Received: a model whose networks take labels")
    source = datasets.shapes.at(task.data.image_shape[0])
    figures = metrics.disentanglement.scores(task.model.encode, source, seed=task.seed)
    return figures, {"disentanglement": metrics.disentanglement.PROTOCOL}


#: The metrics of a model itself, beside those of its images (`kerasgen.metrics.comparison.SAMPLE_METRICS`).
MODEL_METRICS = {
    "terms": _terms,
    "reconstruction": _reconstruction,
    "latent": _latent,
    "negative_log_likelihood": _negative_log_likelihood,
    "annealed_importance_sampling": _annealed_importance_sampling,
    "disentanglement": _disentanglement,
}
