"""Whether generated images are as diverse as real ones, in the course of a training."""

import warnings

import numpy as np

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback, announce
from kerasgen.callbacks.data import choose
from kerasgen.engine.checks import check_images
from kerasgen.metrics import ClassShares
from kerasgen.metrics import features as feature_networks

#: A class has nearly vanished below this part of its share among the real images,
VANISHED = 0.1
#: and if as many of the generated images would be expected to show it: of fewer, chance may leave none.
EXPECTED = 10
#: The trouble that is none of a class.
_DIVERSITY = "diversity"
#: Classes that a warning names.
_LISTED = 5


class CollapseMonitor(PictureCallback):
    """Logs how diverse generated images are, and which classes are among them; warns in words when a model collapses.

    The logs, in the epochs that are looked at:

        sample_diversity        mean distance between two generated images / that between two real ones
        smallest_class_share    and
        largest_class_share     of generated images, by a classifier: see `kerasgen.metrics.class_shares`
        asked_class_share       in their place, of a model that takes labels: the share of images in which the
                                classifier sees the class that was asked for

    The diversity is taken in the features `f` of a network, over all pairs of a set:

        sum_{i<j} |f(x_i) - f(x_j)| / (n (n - 1) / 2)

    It is about 1 for a good model, 0 where all images are one. On the features of mnist_classifier a single digit gives
    0.25 to 0.5, and a single image with some noise 0.06; pixels see the latter (0.13), but hardly the former (0.6 to
    1). A few images that come again and again are nearly as diverse as the whole: see the recall of
    `GenerationMetrics`. The picture shows the share of each class, where there is a classifier.

    It warns of a diversity below `threshold`, and of a class that has nearly vanished: its share is less than a tenth
    of that among the real images, where ten images of it were to be expected. A trouble must be there `patience` times
    in a row, and is told once, until it went away and came again.

    Images come from the same seed each time, so that a change is one of the model; drawing them takes nothing from the
    random state of training. Callbacks get the logs in their order: put this one before `LearningCurves`.

    Args:
        data: Real images: arrays `x` or `(x, y)`, or a data set of such batches. It is read once.
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        every: int. Epochs from one look to the next.
        samples: int. Generated images, and real ones, a random choice. Where there are fewer, as many as there are.
        classifier: A feature network with "logits" or its name, or a Keras model from images to logits, or to features
            and logits; its classes are those of the labels. None: mnist_classifier for grey images of 28x28, unless
            there are labels and it is wrong about most of them: it knows digits, no clothes.
        features: Name of a feature network, or a Keras model, for the diversity. None: mnist_classifier for grey images
            of 28x28, else the pixels.
        class_names: List of str or None. Names of all classes.
        threshold: float. The diversity below which a model is said to collapse.
        patience: int. Looks in a row that must show a trouble: after its first epochs every model is poor.
        seed: int. Of the generated images, and of the choice of real ones.
        name: str or None. Name of the files, in place of "class_shares".

    Raises:
        ValueError: If `data` does not hold two different images in [0, 1], `every` or `patience` is less than 1, a
            network does not exist or gives no logits, or there are not as many names as classes.

    Example:
        >>> monitor = kerasgen.callbacks.CollapseMonitor(data.test, "runs/dcgan", class_names=data.class_names)
        >>> model.fit(data.train, epochs=20, callbacks=[monitor, kerasgen.callbacks.LearningCurves("runs/dcgan")])
    """

    name = "class_shares"
    #: As `GenerationMetrics`, whose figures a `Checkpoint` may want, too.
    needs_raw_weights = True

    def __init__(
        self,
        data,
        run_dir,
        every=1,
        samples=500,
        classifier=None,
        features=None,
        class_names=None,
        threshold=0.5,
        patience=3,
        seed=0,
        name=None,
    ):
        super().__init__(run_dir, every, name)
        if patience < 1:
            raise ValueError(f"`patience` must be one look or more. Received: {patience}")
        images, self.labels = choose(data, samples, seed)
        check_images(images, where=type(self).__name__)
        self.samples = len(images)
        self.class_names = class_names
        self.threshold = threshold
        self.patience = patience
        self.seed = seed
        suits = feature_networks.default(images.shape[1:])
        # Not fid_inception, which is large, and has to be downloaded: nobody asked for it.
        known = feature_networks.get(suits if suits == feature_networks.MNISTClassifier.name else "pixels")
        self.network = known if features is None else feature_networks.get(features)
        self.classifier = known if classifier is None else feature_networks.get(classifier)
        self._logits = _layer_of_logits(self.classifier, asked=classifier is not None)
        found, self._real_logits = self._outputs(images)
        if classifier is None and self._real_logits is not None and not _knows(self._real_logits, self.labels):
            self._logits = None
        classes = None if self._logits is None else self._real_logits.shape[1]
        if classes and class_names and len(class_names) != classes:
            raise ValueError(f"`class_names` are those of {classes} classes. Received: {len(class_names)} names")
        self._real_distance = _mean_distance(found)
        if not self._real_distance:
            raise ValueError(f"The real images must be different ones. Received: {len(images)} images without distance")
        self._in_a_row = {}

    def on_train_begin(self, logs=None):
        """Start anew, and tell which figures will come."""
        super().on_train_begin(logs)
        shares = self._logits is not None and not self.model.conditional
        announce(self, ["sample_diversity", *(("smallest_class_share", "largest_class_share") if shares else ())])

    def draw(self, number, logs):
        """Look at generated images: log figures, warn, and draw the shares of classes."""
        labels = self.labels_for_model(self.labels)
        images = self.model.generate(self.samples, labels=labels, seed=self.seed)
        found, logits = self._outputs(images)
        diversity = logs["sample_diversity"] = _mean_distance(found) / self._real_distance
        troubles = [_DIVERSITY] if diversity < self.threshold else []
        title = f"Classes, epoch {number}: diversity {diversity:.2f}"
        shares = None
        if logits is not None:
            shares = ClassShares()
            shares.update_state(self._real_logits, logits)
            generated, real = shares.shares("generated"), shares.shares("real")
            vanished = (generated < VANISHED * real) & (self.samples * real >= EXPECTED)
            troubles += np.flatnonzero(vanished).tolist()
            if not self.model.conditional:
                figures = shares.result()
                logs.update({name: figures[name] for name in ("smallest_class_share", "largest_class_share")})
            elif labels is not None:
                right = logs["asked_class_share"] = float(np.mean(logits.argmax(axis=1) == labels))
                title += f", {right:.0%} as asked"
        self._warn(number, self._lasting(troubles), diversity, shares)
        if shares is None:
            return None
        return plots.class_shares(generated, real, self.class_names, title)

    def _outputs(self, images):
        """Features and, where there is a classifier, logits."""
        if self._logits is None:
            return self.network(images)["features"], None
        if self.classifier is self.network:
            found = self.network(images, ("features", self._logits))
            return found["features"], found[self._logits]
        return self.network(images)["features"], self.classifier(images, (self._logits,))[self._logits]

    def _lasting(self, troubles):
        """The troubles that have now been there `patience` times in a row; the next time they are no news."""
        self._in_a_row = {trouble: self._in_a_row.get(trouble, 0) + 1 for trouble in troubles}
        return [trouble for trouble, times in self._in_a_row.items() if times == self.patience]

    def _warn(self, number, troubles, diversity, shares):
        said = []
        if _DIVERSITY in troubles:
            said.append(
                f"generated images hardly differ from each other: their mean distance is {diversity:.2f} of that of "
                f"real ones ({self.network.name}), below {self.threshold:g}."
            )
        if vanished := [trouble for trouble in troubles if trouble != _DIVERSITY]:
            generated, real = shares.shares("generated"), shares.shares("real")
            names = self.class_names or [f"class {label}" for label in range(len(real))]
            listed = [f"{names[k]} ({generated[k]:.1%} in place of {real[k]:.1%})" for k in vanished[:_LISTED]]
            more = f" and {len(vanished) - _LISTED} more" if len(vanished) > _LISTED else ""
            said.append(
                f"{len(vanished)} of {len(real)} classes {'has' if len(vanished) == 1 else 'have'} nearly vanished, "
                f"as {self.classifier.name} sees them: {', '.join(listed)}{more}."
            )
        if said:
            warnings.warn(" ".join([f"Epoch {number}:", *said, *_advice(self.model)]), stacklevel=2)


def _layer_of_logits(network, asked):
    """The name of the layer that tells classes, or None: there is none, and none was asked for."""
    if "logits" in network.layers:
        return "logits"
    if asked and isinstance(network, feature_networks.KerasFeatures):
        return "features"  # the only output of a classifier of the user's own
    if asked:
        raise ValueError(
            "A classifier gives logits, such as mnist_classifier, fid_inception or a Keras model of your own. "
            f"Received: {network.name}"
        )
    return None


def _knows(logits, labels):
    """Whether a classifier may be trusted with images of these labels."""
    return labels is None or np.mean(logits.argmax(axis=1) == labels) >= 0.5


def _mean_distance(rows):
    """The mean Euclidean distance over all pairs of rows; 0 where there is no pair."""
    from scipy.spatial.distance import pdist

    # From differences in float64, so that equal rows are at 0.
    return float(pdist(rows.astype("float64")).mean()) if len(rows) > 1 else 0.0


def _advice(model):
    """What to try, by the kind of model: sentences."""
    if hasattr(model, "adversarial_weight"):
        yield "What helps: a larger adversarial_weight, which brings the codes of images to the prior; more latents."
    elif hasattr(model, "discriminate"):
        yield (
            "What helps: a smaller learning rate; a discriminator held back by spectral_normalization, dropout, "
            "input_noise or a gradient penalty (WGANGP); minibatch_deviation=True, which shows it how diverse a batch "
            "is; another objective."
        )
    elif hasattr(model, "posterior"):
        yield "What helps: a smaller beta, or one that grows (kerasgen.callbacks.Annealing); more latent dimensions."
