"""What is to be expected of each preset: its parameters, and the figures of the published training.

The figures are those on the card of `saved_models/NAME`, as they are rounded there; a test compares. "over_seeds" has
their mean and standard deviation where the card has several training seeds. Those of samples are in the features of
mnist_classifier unless "features" names others.
"""

EXPECTED = {
    "acgan": {"parameters": 297_452},
    "adversarial_autoencoder": {"parameters": 118_985},
    "autoencoder": {"parameters": 101_192},
    "autoencoder_iris": {
        "parameters": 22,
        "figures": {"mean_squared_error": 0.0032},
        "over_seeds": {"mean_squared_error": "0.00343 ± 0.00036"},
    },
    "autoencoder_mnist": {
        "parameters": 806_674,
        "figures": {"mean_squared_error": 0.0423},
        "over_seeds": {"mean_squared_error": "0.04229 ± 0.00026"},
    },
    "bigan": {"parameters": 617_234},
    "conditional_gan": {"parameters": 294_594},
    "dcgan": {"parameters": 283_970},
    "dcgan_mnist": {
        "parameters": 1_249_282,
        "figures": {"frechet_distance": 15.91, "precision": 0.7029, "recall": 0.8672},
    },
    "gan": {"parameters": 140_353},
    "gan_imagenette": {
        "parameters": 1_926_820,
        "features": "random_projection",
        "figures": {"frechet_distance": 135.53, "precision": 0.3730, "recall": 0.2953},
    },
    "gan_mnist": {
        "parameters": 318_737,
        "figures": {"frechet_distance": 157.83, "precision": 0.8906, "recall": 0.1780},
        "over_seeds": {"frechet_distance": "194 ± 33", "precision": "0.8945 ± 0.0094", "recall": "0.096 ± 0.078"},
    },
    "infogan": {"parameters": 296_270},
    "lsgan": {"parameters": 283_970},
    "projection_gan": {"parameters": 301_341},
    "relativistic_gan": {"parameters": 283_586},
    "relativistic_gan_mnist": {
        "parameters": 847_970,
        "figures": {"frechet_distance": 0.8614, "precision": 0.8236, "recall": 0.8436},
    },
    "sngan": {"parameters": 285_331},
    "star_gan": {"parameters": 267_264},
    "vae": {"parameters": 102_225},
    "vae_binary_mnist": {
        "parameters": 793_294,
        "figures": {"negative_elbo": 127.71},
        "over_seeds": {"negative_elbo": "127.85 ± 0.14"},
    },
    "vae_gan": {"parameters": 424_482},
    "vae_gan_celeba": {"parameters": 17_046_852},
    "vae_gan_imagenette": {
        "parameters": 2_607_812,
        "features": "random_projection",
        "figures": {"frechet_distance": 58.60, "precision": 0.2726, "recall": 0.7121},
    },
    "vae_gan_mnist": {
        "parameters": 398_258,
        "figures": {"frechet_distance": 2.26, "precision": 0.8475, "recall": 0.8024},
    },
    "vae_imagenette": {
        "parameters": 4_348_547,
        "features": "random_projection",
        "figures": {"negative_elbo": 6977.29, "frechet_distance": 74.65, "precision": 0.9531, "recall": 0.1646},
    },
    "vae_mnist": {
        "parameters": 1_079_600,
        "figures": {"negative_elbo": 99.34},
        "over_seeds": {"negative_elbo": "99.59 ± 0.30"},
    },
    "vae_mnist_2d": {
        "parameters": 807_700,
        "figures": {"negative_elbo": 486.73, "mean_squared_error": 0.0412},
        "over_seeds": {"negative_elbo": "486.31 ± 0.36", "mean_squared_error": "0.04068 ± 0.00049"},
    },
    "wgan": {"parameters": 283_970},
    "wgan_gp": {"parameters": 283_714},
}
