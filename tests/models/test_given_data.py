"""What the methods of models are given: images of another range, a `y` that nothing would use, counts."""

import keras
import numpy as np
import pytest

from kerasgen import models, networks
from kerasgen.engine import NotFiniteError

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).random((6, *SHAPE)).astype("float32")
EAGERLY = {"run_eagerly": keras.backend.backend() == "tensorflow"}
mlp = networks.mlp


def generator(**options):
    return mlp.generator(SHAPE, 3, units=(4,), **options)


def autoencoder(**options):
    return models.Autoencoder(mlp.encoder(SHAPE, 3, units=(4,)), mlp.decoder(SHAPE, 3, units=(4,)), **options)


def vae(**options):
    encoder = mlp.encoder(SHAPE, 3, units=(4,), posterior="gaussian")
    return models.VAE(encoder, mlp.decoder(SHAPE, 3, units=(4,)), **options)


MODELS = {
    "Autoencoder": autoencoder,
    "VAE": vae,
    "GAN": lambda: models.GAN(generator(), mlp.discriminator(SHAPE, units=(4,))),
    "InfoGAN": lambda: models.InfoGAN(
        generator(), mlp.discriminator(SHAPE, units=(4,), auxiliary_outputs=2), categorical=(2,), continuous=0
    ),
    "ACGAN": lambda: models.ACGAN(generator(num_classes=3), mlp.discriminator(SHAPE, units=(4,), auxiliary_outputs=3)),
    "BiGAN": lambda: models.BiGAN(
        generator(), mlp.encoder(SHAPE, 3, units=(4,)), mlp.discriminator(SHAPE, units=(4,), latent_dim=3)
    ),
    "VAEGAN": lambda: models.VAEGAN(
        mlp.encoder(SHAPE, 3, units=(4,), posterior="gaussian"),
        generator(name="decoder"),
        mlp.discriminator(SHAPE, units=(4,)),
    ),
    "AdversarialAutoencoder": lambda: models.AdversarialAutoencoder(
        mlp.encoder(SHAPE, 3, units=(4,)), mlp.decoder(SHAPE, 3, units=(4,)), mlp.discriminator((3,), units=(4,))
    ),
    "StarGAN": lambda: models.StarGAN(
        networks.stargan.generator(SHAPE, num_classes=3, filters=(2,), residual_blocks=1),
        networks.stargan.discriminator(SHAPE, num_classes=3, filters=(2,)),
    ),
}
#: Public methods that take images -> further arguments.
TAKE_IMAGES = {
    "encode": (),
    "reconstruct": (),
    "posterior": (),
    "log_likelihood": (),
    "discriminate": (),
    "classify": (),
    "read_code": (),
    "translate": (1,),
}
WRONG = {
    "uint8": ((255 * IMAGES).astype("uint8"), "floating-point numbers"),
    "[0, 255]": (255 * IMAGES, "Divide them by 255"),
    "[-1, 1]": (2 * IMAGES - 1, r"\(x \+ 1\) / 2"),
    "NaN": (IMAGES * np.nan, "finite numbers"),
    "channels first": (IMAGES.reshape(6, 1, 8, 8), "moveaxis"),
    "none": (IMAGES[:0], "at least one image"),
}


@pytest.mark.parametrize("name", MODELS)
def test_images_of_another_range_are_refused_by_every_method(name):
    model = MODELS[name]()
    methods = [method for method in TAKE_IMAGES if hasattr(model, method)]
    assert methods
    for method in methods:
        getattr(model, method)(np.round(IMAGES), *TAKE_IMAGES[method])
        for images, remedy in WRONG.values():
            with pytest.raises(ValueError, match=f"^{method} expects .*{remedy}.*Received: "):
                getattr(model, method)(images, *TAKE_IMAGES[method])


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("ACGAN", "StarGAN")])
def test_a_y_that_nothing_would_use_is_refused(name):
    model = MODELS[name]()
    unused = {
        "images": 1 - IMAGES,
        "one-hot": np.eye(6),
        "numbers": np.linspace(0, 1, 6),
        "names": np.array(list("abcdef")),
        "NaN": np.full(6, np.nan),
    }
    for y in unused.values():
        with pytest.raises(ValueError, match=r'fit got a `y` that would not be used.*target="y".*Received: y of shape'):
            model.check_data(IMAGES, y, None)
    for y in (None, np.arange(6), np.arange(6.0)[:, None], np.array([True, False] * 3), IMAGES, IMAGES.copy()):
        model.check_data(IMAGES, y, None)


def test_fit_says_so():
    """Denoising as it is written elsewhere, with arrays and with a stream."""
    model = autoencoder()
    model.compile(**EAGERLY)
    for data in ((IMAGES, 1 - IMAGES), ([(IMAGES, 1 - IMAGES)],)):
        data = iter(*data) if len(data) == 1 else data  # noqa: PLW2901
        with pytest.raises(ValueError, match="would not be used"):
            model.fit(*(data if isinstance(data, tuple) else (data,)), verbose=0)
    before = model.get_weights()
    model.fit(IMAGES, IMAGES, verbose=0)
    model.fit(IMAGES, np.arange(6), verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights()))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "StarGAN"])
@pytest.mark.parametrize("count", [0, -1, "4", 1.5, None, True])
def test_generate_expects_a_count(name, count):
    with pytest.raises(ValueError, match=r"generate expects a number of images.*Received: "):
        MODELS[name]().generate(count)


def test_one_model_generates_with_a_sampler_as_another_does():
    """Whatever makes images of latents draws them from what it is given."""

    class Zeros:
        def sample(self, count, seed):
            return np.zeros((count, 3), "float32")

    for name in ("VAE", "GAN", "BiGAN", "VAEGAN"):
        model = MODELS[name]()
        np.testing.assert_array_equal(model.generate(2, sampler=Zeros()), model.decode(np.zeros((2, 3))))


def test_the_error_of_a_draw_and_that_of_the_mean_have_two_names(digits):
    """A VAE-GAN logs the former; the latter is the metric's, and is smaller where the draw changes much."""
    model = MODELS["VAEGAN"]()
    model.compile(**EAGERLY)
    figures = model.evaluate(digits[0][:32], verbose=0, return_dict=True)
    assert "drawn_mean_squared_error" in figures and "mean_squared_error" not in figures
    assert "mean_squared_error" in MODELS["Autoencoder"]().terms["autoencoder"]


@pytest.mark.parametrize("wrong", [3, -1, 0.5])
@pytest.mark.parametrize("name", ["VAE", "ConditionalGAN", "ACGAN", "StarGAN"])
def test_a_label_of_no_class_in_a_later_batch_stops_the_training(name, wrong):
    """`fit` looks at the first batch; an embedding on JAX takes the last class for all above."""
    if name == "VAE":
        options = {"units": (4,), "num_classes": 3}
        encoder = mlp.encoder(SHAPE, 3, posterior="gaussian", **options)
        model = models.VAE(encoder, mlp.decoder(SHAPE, 3, **options))
    elif name == "ConditionalGAN":
        model = models.ConditionalGAN(generator(num_classes=3), mlp.discriminator(SHAPE, units=(4,), num_classes=3))
    else:
        model = MODELS[name]()
    if name == "StarGAN":
        model.discriminator_steps = 1  # PyTorch's convolutions of a single image cannot be differentiated twice.
    model.compile(**EAGERLY)
    labels = np.array([0, 1, 2, 0, 1, 2], "float32" if wrong == 0.5 else "int64")

    def batches(last):
        yield IMAGES, labels
        yield IMAGES, np.array([0, 1, 2, 0, 1, last], labels.dtype)

    model.fit(batches(2), verbose=0)
    with pytest.raises(NotFiniteError, match=r"in step 4 .*and for labels other than 0 to 2.*Received: nan"):
        model.fit(batches(wrong), verbose=0)
    assert not np.isfinite(model.evaluate(batches(wrong), verbose=0)).all()
