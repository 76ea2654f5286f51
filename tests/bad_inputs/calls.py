"""The rows of calls: a name, a function of the tiny models and data (`Tiny`), and words of the message."""

import keras
import numpy as np

import kerasgen as kg

net = kg.networks.mlp
SHAPE = (8, 8, 1)


class Tiny:
    """Models as small as can be, compiled, of which no row trains more than a step; and data that they take."""

    def __init__(self):
        self.images = np.random.default_rng(0).random((4, *SHAPE), "float32") * 0.9 + 0.05
        self.bytes = (255 * self.images).astype("uint8")
        self.labels = np.array([0, 1, 2, 0], "int32")
        self.holes = np.where(self.images == self.images.max(), np.nan, self.images)
        self.encoder = net.encoder(SHAPE, 2, units=(4,))
        self.gaussian = net.encoder(SHAPE, 2, units=(4,), posterior="gaussian", name="gaussian")
        self.decoder = net.decoder(SHAPE, 2, units=(4,))
        self.generator = net.generator(SHAPE, 2, units=(4,))
        self.discriminator = net.discriminator(SHAPE, units=(4,))
        self.vae = self._compiled(kg.models.VAE(self.gaussian, self.decoder))
        self.plain = self._compiled(kg.models.Autoencoder(self.encoder, self.decoder))
        self.denoiser = self._compiled(kg.models.Autoencoder(self.encoder, self.decoder, target="y"))
        self.gan = self._compiled(kg.models.GAN(self.generator, self.discriminator))
        both = {"units": (4,), "num_classes": 3}
        self.conditional = self._compiled(
            kg.models.ConditionalGAN(net.generator(SHAPE, 2, **both), net.discriminator(SHAPE, **both))
        )
        star = kg.networks.stargan
        self.star = self._compiled(
            kg.models.StarGAN(
                star.generator(SHAPE, num_classes=3, filters=(2, 2), residual_blocks=1),
                star.discriminator(SHAPE, num_classes=3, filters=(2,)),
            )
        )
        self.config = kg.presets.override(kg.presets.get("vae"), "epochs", 1)

    def _compiled(self, model):
        model.compile(run_eagerly=keras.backend.backend() == "tensorflow", jit_compile=False)
        return model

    def fit(self, images, *rest, **more):
        """Of the VAE."""
        self.vae.fit(images, *rest, verbose=0, **more)

    def fit_classes(self, labels):
        """Of the conditional GAN."""
        self.conditional.fit(self.images, labels, verbose=0)

    def train(self, **changes):
        kg.runs.train({**self.config, **changes}, "new", verbose=0)

    def watch(self, callback):
        """Train a step of the VAE with a callback."""
        self.fit(self.images, callbacks=[callback])


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


class Batches(keras.utils.PyDataset):
    """Batches of a kind, of any."""

    def __init__(self, *batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def sequential(*layers):
    return keras.Sequential(layers, name="own")


def dense(units, activation=None):
    return keras.layers.Dense(units, activation=activation)


def own_decoder(activation):
    """A decoder as blog posts write it."""
    return sequential(keras.Input((2,)), dense(64, activation), keras.layers.Reshape(SHAPE))


def own_discriminator(activation, shape=SHAPE):
    return sequential(keras.Input(shape), keras.layers.Flatten(), dense(1, activation))


FIT = [
    ("bytes", lambda t: t.fit(t.bytes), "Divide them by their largest possible value"),
    ("floats to 255", lambda t: t.fit(255 * t.images), "Divide them by 255"),
    ("floats from -1", lambda t: t.fit(2 * t.images - 1), "Map [-1, 1] there by (x + 1) / 2"),
    ("floats to 7000", lambda t: t.fit(7000 * t.images), "Scale them"),
    ("NaN", lambda t: t.fit(t.holes), "1 of 4 images"),
    ("infinite numbers", lambda t: t.fit(t.images + np.inf), "finite"),
    ("images of another size", lambda t: t.fit(t.images[:, :6]), "image_size=..."),
    ("images without channels", lambda t: t.fit(t.images[..., 0]), "x[..., None]"),
    ("channels first", lambda t: t.fit(np.moveaxis(t.images, -1, 1)), "numpy.moveaxis(x, 1, -1)"),
    ("a list of images", lambda t: t.fit(list(t.images)), "numpy.stack(x)"),
    ("a tuple of images and labels", lambda t: t.fit((t.images, t.labels)), "one array of images"),
    ("no images", lambda t: t.fit(t.images[:0]), "at least one image"),
    ("nothing", lambda t: t.fit(None), "fit expects"),
    ("a number", lambda t: t.fit(3), "array of images, or batches"),
    ("strings", lambda t: t.fit(np.array(["a.png"])), "array of numbers"),
    ("a path", lambda t: t.fit("photos/"), "fit expects"),
    ("objects", lambda t: t.fit(np.array([{}, None], object)), "array of numbers"),
    ("complex numbers", lambda t: t.fit(t.images + 1j), "array of numbers"),
    ("a dict", lambda t: t.fit({"image": t.images}), "d['image']"),
    ("batches that are dicts", lambda t: t.fit(Batches({"image": t.images})), "d['image']"),
    ("batches of bytes", lambda t: t.fit(Batches(t.bytes)), "dtype uint8"),
    ("no batches", lambda t: t.fit(Batches()), "no batch"),
    ("a generator of nothing", lambda t: t.fit(iter(())), "no batch"),
    ("targets that would not be used", lambda t: t.fit(t.images, 1 - t.images), 'target="y"'),
    ("targets of bytes", lambda t: t.denoiser.fit(t.images, t.bytes, verbose=0), "Divide images of 8 bits by 255"),
    ("no targets", lambda t: t.denoiser.fit(t.images, verbose=0), "pass `fit(x, y)`"),
    ("targets of another size", lambda t: t.denoiser.fit(t.images, t.images[:, :6], verbose=0), "(8, 8, 1)"),
    ("labels of 0.5 that are not used", lambda t: t.fit(t.images, t.labels + 0.5), "would not be used"),
    ("held-out images of bytes", lambda t: t.fit(t.images, validation_data=t.bytes), "validation_data of fit"),
    ("held-out pairs of bytes", lambda t: t.fit(t.images, validation_data=(t.bytes, t.labels)), "validation_data"),
    ("all images held out", lambda t: t.fit(t.images, validation_split=1.0), "validation_split is a share"),
    ("a weight that is NaN", lambda t: t.fit(t.images, sample_weight=[1, 1, 1, np.nan]), "sample_weight"),
    ("a negative weight", lambda t: t.fit(t.images, t.labels, class_weight={0: -1.0, 1: 1.0}), "not negative"),
    ("weights of classes without labels", lambda t: t.fit(t.images, class_weight={0: 1.0}), "pass x and y"),
    ("a weight a pixel", lambda t: t.fit(t.images, sample_weight=t.images), "one weight an image"),
    ("bytes for a GAN", lambda t: t.gan.fit(t.bytes, verbose=0), "dtype uint8"),
    (
        "weights of classes for a GAN",
        lambda t: t.gan.fit(t.images, t.labels, class_weight={0: 0.0, 1: 1e6}, verbose=0),
        "it cannot weigh them",
    ),
    (
        "weights for a GAN",
        lambda t: t.gan.fit(t.images, sample_weight=np.ones(4), verbose=0),
        "it cannot weigh them",
    ),
]
LABELS = [
    ("no labels", lambda t: t.fit_classes(None), "pass x and y"),
    ("labels of 0.5", lambda t: t.fit_classes(t.labels + 0.5), "such as 0.5"),
    ("a label that is NaN", lambda t: t.fit_classes(np.array([0, 1, 2, np.nan])), "such as nan"),
    ("a class too many", lambda t: t.fit_classes(t.labels + 1), "labels from 1 to 3"),
    ("a class below 0", lambda t: t.fit_classes(t.labels - 1), "labels from -1 to 1"),
    ("labels that would wrap to 1", lambda t: t.fit_classes(t.labels.astype("int64") + 2**32), "4294967296"),
    ("names of classes", lambda t: t.fit_classes(np.array(["cat", "dog", "cat", "dog"])), "return_inverse=True"),
    ("truth values", lambda t: t.fit_classes(t.labels > 0), "y.astype('int32')"),
    ("one-hot labels", lambda t: t.fit_classes(np.eye(3)[t.labels]), "y.argmax(axis=1)"),
    ("fewer labels than images", lambda t: t.fit_classes(t.labels[:2]), "one for each of 4 images"),
]
METHODS = [
    ("evaluate: floats to 255", lambda t: t.vae.evaluate(255 * t.images, verbose=0), "evaluate expects"),
    ("evaluate: bytes", lambda t: t.gan.evaluate(t.bytes, verbose=0), "evaluate expects"),
    ("predict: bytes", lambda t: t.vae.predict(t.bytes, verbose=0), "predict expects"),
    ("predict: images without labels", lambda t: t.star.predict(t.images, verbose=0), "[images, labels]"),
    ("train_on_batch: NaN", lambda t: t.vae.train_on_batch(t.holes), "train_on_batch expects"),
    ("encode: bytes", lambda t: t.vae.encode(t.bytes), "encode expects"),
    ("encode: one image", lambda t: t.vae.encode(t.images[0]), "in batches (count, 8, 8, 1)"),
    ("posterior: floats to 255", lambda t: t.vae.posterior(255 * t.images), "posterior expects"),
    ("reconstruct: floats from -1", lambda t: t.vae.reconstruct(2 * t.images - 1), "reconstruct expects"),
    ("reconstruct: a path", lambda t: t.vae.reconstruct("x.png"), "reconstruct expects"),
    ("log_likelihood: no draws", lambda t: t.vae.log_likelihood(t.images, samples=0), "samples"),
    ("log_likelihood: bytes", lambda t: t.vae.log_likelihood(t.bytes), "log_likelihood expects"),
    ("decode: latents of another size", lambda t: t.vae.decode(np.zeros((1, 3))), "(n, 2)"),
    ("decode: latents that are NaN", lambda t: t.vae.decode([[0, np.nan]]), "finite numbers"),
    ("decode: words", lambda t: t.vae.decode("latents"), "Latents"),
    ("generate: no images", lambda t: t.gan.generate(0), "from 1"),
    ("generate: half an image", lambda t: t.gan.generate(1.5), "whole number"),
    ("generate: a number in words", lambda t: t.gan.generate("4"), "whole number"),
    ("generate: classes without need", lambda t: t.gan.generate(1, labels=[1]), "take no labels"),
    ("generate: a class of 1.7", lambda t: t.conditional.generate(1, labels=[1.7]), "such as 1.7"),
    ("generate: a class that would wrap to 1", lambda t: t.conditional.generate(1, [2**32 + 1]), "4294967297"),
    ("generate: a class too few", lambda t: t.conditional.generate(3, labels=[0, 1]), "each of 3 images"),
    ("generate: a class by name", lambda t: t.conditional.generate(1, labels=["cat"]), "class numbers"),
    ("generate: a negative seed", lambda t: t.gan.generate(1, seed=-1), "a whole number from 0"),
    ("discriminate: bytes", lambda t: t.gan.discriminate(t.bytes), "discriminate expects"),
    ("discriminate: no labels", lambda t: t.conditional.discriminate(t.images), "pass `labels=`"),
    ("discriminate: a class too many", lambda t: t.conditional.discriminate(t.images, t.labels + 1), "3 classes"),
    ("translate: bytes", lambda t: t.star.translate(t.bytes, 0), "translate expects"),
    ("translate: a domain too many", lambda t: t.star.translate(t.images, 3), "3 classes"),
    ("translate: a domain by name", lambda t: t.star.translate(t.images, "cat"), "class numbers"),
]
NETWORKS = [
    ("a decoder that ends in a sigmoid", lambda t: kg.models.VAE(t.gaussian, own_decoder("sigmoid")), "linear units"),
    ("a decoder that ends in a tanh", lambda t: kg.models.Autoencoder(t.encoder, own_decoder("tanh")), "ends in tanh"),
    (
        "a discriminator that ends in a sigmoid",
        lambda t: kg.models.GAN(t.generator, own_discriminator("sigmoid")),
        "numbers without bounds",
    ),
    ("a subclassed encoder", lambda t: kg.models.VAE(Subclassed(), t.decoder), "functional keras.Model"),
    ("a subclassed generator", lambda t: kg.models.GAN(Subclassed(), t.discriminator), "functional keras.Model"),
    (
        "a Sequential without input",
        lambda t: kg.models.Autoencoder(sequential(keras.layers.Flatten(), dense(2)), t.decoder),
        "keras.Input(shape)",
    ),
    ("an encoder of one output for a VAE", lambda t: kg.models.VAE(t.encoder, t.decoder), 'posterior="gaussian"'),
    (
        "an encoder of two outputs for an autoencoder",
        lambda t: kg.models.Autoencoder(t.gaussian, t.decoder),
        "without `posterior=`",
    ),
    ("no decoder", lambda t: kg.models.VAE(t.gaussian, None), "decoder"),
    ("a layer for a network", lambda t: kg.models.GAN(dense(3), t.discriminator), "functional keras.Model"),
    (
        "a decoder of other latents",
        lambda t: kg.models.VAE(t.gaussian, net.decoder(SHAPE, 3, units=(4,))),
        "map the encoder's latents",
    ),
    (
        "a discriminator of other images",
        lambda t: kg.models.GAN(t.generator, own_discriminator(None, (6, 6, 1))),
        "what the generator makes",
    ),
    (
        "one name for two networks",
        lambda t: kg.models.GAN(t.generator, net.discriminator(SHAPE, name="generator")),
        "a name of its own",
    ),
    ("labels that no network takes", lambda t: kg.models.ConditionalGAN(t.generator, t.discriminator), "num_classes="),
    ("a likelihood that there is not", lambda t: kg.models.VAE(t.gaussian, t.decoder, likelihood="poisson"), "bern"),
    ("a negative weight of a term", lambda t: kg.models.VAE(t.gaussian, t.decoder, beta=-1.0), "beta"),
    ("no steps", lambda t: kg.models.GAN(t.generator, t.discriminator, discriminator_steps=0), "discriminator_steps"),
    ("an encoder of no latents", lambda t: net.encoder(SHAPE, 0), "latent_dim"),
    ("an encoder of a path", lambda t: net.encoder("8x8", 2), "image_shape"),
    ("no class", lambda t: net.generator(SHAPE, 2, num_classes=0), "num_classes"),
]
KERAS = [
    ("compile: a loss", lambda t: t.vae.compile(loss="mse"), "its own losses"),
    ("compile: metrics", lambda t: t.vae.compile(metrics=["mae"]), "its own losses"),
    ("compile: an optimizer that there is not", lambda t: t.vae.compile("adm"), "adm"),
    ("compile: a number for an optimizer", lambda t: t.vae.compile(0.001), "0.001"),
    ("compile: an optimizer of no player", lambda t: t.gan.compile({"critic": "adam"}), "critic"),
    ("compile: no steps an execution", lambda t: t.vae.compile(steps_per_execution=0), "whole number from 1"),
    ("compile: XLA in words", lambda t: t.vae.compile(jit_compile="yes"), 'a bool or "auto"'),
    ("save: HDF5", lambda t: t.vae.save("m.h5"), "save it as `.keras`"),
    ("save: no suffix", lambda t: t.gan.save("m"), ".keras"),
    ("export: a format that there is not", lambda t: t.vae.export("m", format="jpeg"), "jpeg"),
    ("export: a file for a folder", lambda t: t.vae.export("m.onnx", format="onnx"), "path of a folder"),
    ("export: a folder that is taken", lambda t: t.vae.export("classes"), "classes"),
    ("Checkpoint: what is not logged", lambda t: t.watch(kg.callbacks.Checkpoint("c", monitor="acc")), "pass `mode=`"),
    ("Checkpoint: a mode that there is not", lambda t: kg.callbacks.Checkpoint("c", mode="best"), '"min", "max"'),
    ("Checkpoint: keep none", lambda t: kg.callbacks.Checkpoint("c", keep=0), "at least 1"),
    ("a callback of bytes", lambda t: t.watch(kg.callbacks.ReconstructionLogger(t.bytes, "c")), "ReconstructionLogger"),
    ("a scatter of bytes", lambda t: t.watch(kg.callbacks.LatentScatter((t.bytes, t.labels), "c")), "LatentScatter"),
    (
        "a callback of nothing",
        lambda t: t.watch(kg.callbacks.ReconstructionLogger(None, "c")),
        "arrays `x` or `(x, y)`",
    ),
    ("a callback of no images", lambda t: t.watch(kg.callbacks.LatentScatter(t.images[:0], "c")), "one image at least"),
    ("a picture never", lambda t: kg.callbacks.SampleGrid("c", every=0), "one epoch or more"),
    ("restore: no file", lambda t: kg.callbacks.restore(t.vae, "nowhere.weights.h5"), "nowhere.weights.h5"),
    ("restore: another file", lambda t: kg.callbacks.restore(t.vae, "page.md"), "page.md"),
]
DATA = [
    ("load: nothing", lambda t: kg.datasets.load(None), "the name of a set"),
    ("load: a name with a slip", lambda t: kg.datasets.load("mnits"), "mnist"),
    ("load: no file", lambda t: kg.datasets.load("nowhere.npz"), "nowhere.npz"),
    ("load: the disk", lambda t: kg.datasets.load("/"), "name the folder of the images"),
    ("load: another collection", lambda t: kg.datasets.load("huggingface:x"), "pip install datasets"),
    ("load: floats to 255", lambda t: kg.datasets.load((255 * t.images, t.labels)), "Divide them by 255"),
    ("load: NaN", lambda t: kg.datasets.load((t.holes, t.labels)), "NaN"),
    ("share: no image", lambda t: kg.datasets.load("digits").train.share(lambda rows: slice(0)), "slice(None)"),
    ("load: fewer labels", lambda t: kg.datasets.load((t.images, t.labels[:2])), "one label an image"),
    ("load: one-hot labels", lambda t: kg.datasets.load((t.images, np.eye(3)[t.labels])), "labels.argmax(-1)"),
    ("load: labels of 0.5", lambda t: kg.datasets.load((t.images, t.labels + 0.5)), "labels of classes"),
    ("load: rows of a table", lambda t: kg.datasets.load(t.images.reshape(4, 64)), "height and width"),
    ("load: images of several sizes", lambda t: kg.datasets.load([t.images[0], t.images[1, :6]]), "one shape"),
    ("load: channels first", lambda t: kg.datasets.load(np.moveaxis(t.images, -1, 1)), "channels last"),
    ("load: negative numbers", lambda t: kg.datasets.load(t.bytes.astype("int32") - 300), "from 0 on"),
    ("load: batches of none", lambda t: kg.datasets.load(t.images, batch_size=0), "batch_size must be"),
    ("load: no size", lambda t: kg.datasets.load("digits", image_size=0), "image_size must be"),
    ("load: binarize in other words", lambda t: kg.datasets.load("digits", binarize="on"), "binarize must be"),
    ("load: two channels", lambda t: kg.datasets.load("./classes", channels=2), "channels must be"),
    ("load: a share above 1", lambda t: kg.datasets.load("digits", test=1.5), "test"),
    ("load: a seed of words", lambda t: kg.datasets.load("digits", seed="a"), "seed must be"),
    ("a split that there is not", lambda t: kg.datasets.load(t.images).fingerprint("test"), "no split"),
]
RUNS = [
    ("get: nothing", lambda t: kg.presets.get(None), "by its name"),
    ("get: a slip", lambda t: kg.presets.get("vea"), "the nearest: vae"),
    ("override: a slip", lambda t: kg.presets.override(t.config, "epoch", 3), "epochs"),
    ("train: a preset that there is not", lambda t: kg.runs.train("vea", "new"), "the nearest: vae"),
    ("train: no config", lambda t: kg.runs.train(None, "new"), "name of a preset or a dict"),
    ("train: no epochs", lambda t: t.train(epochs=0), "epochs is a whole number"),
    ("train: a negative number of epochs", lambda t: t.train(epochs=-1), "epochs is a whole number"),
    ("train: epochs in words", lambda t: t.train(epochs="4"), "epochs is a whole number"),
    ("train: a seed of a half", lambda t: t.train(seed=0.5), "seed is a whole number"),
    ("train: no latents", lambda t: t.train(latent_dim=0), "latent_dim is a whole number"),
    ("train: an entry that there is not", lambda t: t.train(epoch=1), "the nearest: epochs"),
    ("train: a model that there is not", lambda t: t.train(model="VEA"), "VEA"),
    ("train: no networks", lambda t: t.train(networks=None), "networks is a dict"),
    ("train: data by name alone", lambda t: t.train(dataset="digits"), "dataset is a dict"),
    ("train: a policy that there is not", lambda t: t.train(mixed_precision="float8"), "float8"),
    ("train: an optimizer that there is not", lambda t: t.train(optimizer="adm"), "adm"),
    ("train: a folder that is taken", lambda t: kg.runs.train(t.config, "runs/ok", verbose=0), "This folder is taken"),
    ("resume: no run", lambda t: kg.runs.resume("nowhere"), "There is no run here"),
    ("resume: no epochs", lambda t: kg.runs.resume("runs/ok", 0), "epochs is a whole number"),
    ("resume: epochs in words", lambda t: kg.runs.resume("runs/ok", "4"), "epochs is a whole number"),
    ("resume: checkpoints that are gone", lambda t: kg.runs.resume("runs/gone", verbose=0), "restart=True"),
    ("resume: a damaged history", lambda t: kg.runs.resume("runs/history", verbose=0), "history.csv"),
    ("resume: damaged seconds", lambda t: kg.runs.resume("runs/seconds", verbose=0), "seconds.json"),
    ("load: no run", lambda t: kg.runs.load("nowhere"), "There is no run here"),
    ("load: a damaged model", lambda t: kg.runs.load("runs/model"), "model.keras"),
    ("load: half a config", lambda t: kg.runs.load("runs/half"), "config.json"),
    ("load: a preset that was not trained", lambda t: kg.runs.load("gan"), "kerasgen train gan"),
    ("info: damaged figures", lambda t: kg.runs.info("runs/metrics"), "metrics.json"),
    ("info: a damaged history", lambda t: kg.runs.info("runs/history"), "history.csv"),
    ("complete: another config", lambda t: kg.runs.complete(t.config, "runs/ok"), "another config"),
    ("sweep: no workers", lambda t: kg.sweeps.run("vae", {"beta": [1.0]}, workers=0), "workers is a whole number"),
    ("sweep: workers in words", lambda t: kg.sweeps.run("vae", {"beta": [1.0]}, workers="2"), "workers is a whole"),
    ("benchmark: workers twice", lambda t: kg.benchmark.run(["vae"], workers=2, ray="auto"), "pass one of the two"),
    ("generate: no images of a run", lambda t: kg.runs.generate("runs/ok", 0), "count is a whole number"),
    ("generate: a class of 1.7 of a run", lambda t: kg.runs.generate("runs/ok", 1, [1.7]), "whole numbers"),
    ("generate: columns in words", lambda t: kg.runs.generate("runs/ok", 4, columns="2"), "columns"),
    ("interpolate: one step", lambda t: kg.runs.interpolate("runs/ok", steps=1), "steps is a whole number"),
    ("export: quantised ONNX", lambda t: kg.runs.export("runs/ok", "onnx", quantize="int8"), 'pass format="litert"'),
    ("export: an image", lambda t: kg.runs.export("runs/ok", "jpeg"), "format must be one of"),
]
MORE = [
    ("evaluate: nothing of that name", lambda t: kg.evaluation.evaluate("nowhere"), "Expected a run"),
    ("evaluate: nothing", lambda t: kg.evaluation.evaluate(None), "Expected a run"),
    ("evaluate: a measure that there is not", lambda t: kg.evaluation.evaluate("digits", metrics=["fid"]), "fid"),
    ("evaluate: one measure as a string", lambda t: kg.evaluation.evaluate("digits", metrics="fid"), "Received: fid"),
    ("evaluate: a split", lambda t: kg.evaluation.evaluate("digits", split="half"), "has the splits"),
    ("evaluate: features", lambda t: kg.evaluation.evaluate("digits", features="vgg"), "vgg"),
    (
        "evaluate: one sample",
        lambda t: kg.evaluation.evaluate("runs/ok", samples=1),
        "samples is a whole number",
    ),
    ("evaluate: images of the run's size", lambda t: kg.evaluation.evaluate("runs/ok", image_size=4), "image_size"),
    ("evaluate: real images of another size", lambda t: kg.evaluation.evaluate("runs/ok", "./sizes"), "size"),
    (
        "frechet_distance: images for rows",
        lambda t: kg.metrics.frechet_distance(t.images[:1], t.images),
        "Expected rows",
    ),
    ("plots: a format that there is not", lambda t: kg.plots.save(kg.plots.grid(t.images), "x.tga"), "x.tga"),
    ("plots: no format", lambda t: kg.plots.save(kg.plots.grid(t.images), "x"), "Received: x"),
    ("plots: a GIF of no frames", lambda t: kg.plots.gif([], "x.gif"), "one frame at least"),
    ("plots: a GIF of another name", lambda t: kg.plots.gif(t.images, "x.png"), "ends in .gif"),
    ("plots: a grid of nothing", lambda t: kg.plots.grid(t.images[:0]), "one image at least"),
    ("saved_model: no model", lambda t: kg.export.saved_model(None, "m"), "models of kerasgen"),
    ("litert: quantised in other words", lambda t: kg.export.litert(t.vae, "m", quantize="int4"), "int4"),
    ("a layout that does not end", lambda t: kg.networks.layout.parse("Encoder={DENSE|2|RELU"), "the '}' of Encoder"),
    ("a layout of another word", lambda t: kg.networks.layout.parse("Encoder={DENS|2|RELU}Decoder={}"), "DENSE"),
    ("an empty layout", lambda t: kg.networks.layout.parse(""), "Expected Encoder={tokens}"),
    ("no layout", lambda t: kg.networks.layout.parse(None), "A layout is a text"),
    ("a mixture of no parts", lambda t: kg.samplers.GaussianMixture(0), "positive int"),
    ("a mixture that was not fitted", lambda t: kg.samplers.GaussianMixture(2).sample(1), "fit"),
    (
        "a way of other latents",
        lambda t: kg.samplers.interpolation.linear(np.zeros(2), np.zeros(3), 4),
        "must have one shape",
    ),
]
CALLS = [*FIT, *LABELS, *METHODS, *NETWORKS, *KERAS, *DATA, *RUNS, *MORE]
