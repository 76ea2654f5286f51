"""The text of a card."""

import json
import math

import keras

from kerasgen import evaluation, presets
from kerasgen.presets import trained
from kerasgen.reports import benchmark

LICENCES = {
    "coloured_digits": "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), UCI: CC BY 4.0",
    "digits": "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), UCI repository: CC BY 4.0",
    "iris": "Iris (R. A. Fisher, 1936), UCI repository: CC BY 4.0",
    "shapes": "none: computed by kerasgen, Apache-2.0",
    "mnist": "MNIST (Y. LeCun, C. Cortes, C. J. C. Burges): commonly stated as CC BY-SA 3.0",
    "fashion_mnist": "Fashion-MNIST (Zalando SE): MIT",
    "imagenette": "Imagenette (J. Howard, fast.ai): photographs under ImageNet's terms, non-commercial research",
    "celeb_a": "CelebA (MMLAB, The Chinese University of Hong Kong): non-commercial research",
}

#: Pictures of a run that a card shows side by side, where there are some -> what stands above them.
PICTURES = {
    "samples": "samples",
    "reconstructions": "reconstructions of test images",
    "translations": "test images in every domain",
    "latent_scatter": "latents of test images",
}

#: A method of a model -> how it is called, and a signature of the SavedModel: the first method that a model has.
USES = {
    "generate": (
        "model.generate(16, seed=0{labels})",
        "sample",
        "count=tf.constant(16), seed=tf.constant(0){tf_labels}",
    ),
    "reconstruct": ("model.reconstruct(images{labels})", "reconstruct", "images=images{tf_labels}"),
    "translate": ("model.translate(images, {label})", "translate", "images=images, labels=tf.fill([16], {label})"),
}

#: How pixels became 0 or 1.
BINARISED = {
    "threshold": ", binarised at 0.5",
    "static": ", binarised by one draw",
    "dynamic": ", binarised by a draw each epoch",
}
#: What was published of a preset.
PUBLISHED = {
    "vae_imagenette": "an FID of 330.25 for these networks and this training",
    "gan_imagenette": "an FID of about 230, during its training, for a GAN of comparable size; it gives neither layers "
    "nor epochs, so those here are ours",
}
#: What was chosen by figures on the test split, before that was ruled out.
CHOSEN = {
    "vae_gan_mnist": " The number of epochs was: after four, its precision was below that of `vae_mnist`.",
    "vae_gan_imagenette": " Rates and normalisation were, from five settings, by losses and figures "
    "after one to four epochs.",
}
BESIDE_PUBLISHED = """
## Beside published figures

The report that this system comes from names {published}. {compare} Licence of the pictures: {licence}.
Where the weights of the Inception network can be fetched,
`kerasgen evaluate saved_models/{name} --metrics frechet_distance --features fid_inception` gives the FID.
"""

WAY = """![interpolation](interpolation.png)

The straight way between {ends}, as a [film](interpolation.gif), too.

"""

CARD = """# {name}

{summary}{changed}: `kerasgen.models.{model}`, {networks}{likelihood}{latents}{arguments}.

{pictures}

{way}![learning curves](learning_curves.png)

## Use

    import kerasgen, keras{numpy}
    model = keras.models.load_model("saved_models/{name}/model.keras")
{given}    images = {call}  # float32 (16, {shape}){range}

or without kerasgen and Keras:

    import tensorflow as tf
    model = tf.saved_model.load("saved_models/{name}/saved_model")
{tf_given}    images = model.signatures["{signature}"]({tensors})["images"]

## Figures

| figure | value |{intervals_title}{seeds_title}
|---|---|{intervals_rule}{seeds_rule}
{figures}

Measured on all {images:,} images of the {split} split{note}.
{sampled}Figures of the last epoch: no checkpoint was chosen on that split.{chosen} The figures are repeated by
`kerasgen evaluate saved_models/{name} --metrics {measured}`.
{published}
## Protocol

- Data: {data}{stored}, values in [0, 1]{binarize}, {training:,} training images; the curves show the {curves}.
- Networks: {built}.
- Training: {epochs} epochs, batch {batch_size}, {optimizer}, seed {seed}, {runs}. {seconds:.0f} s{timed} on
  {machine}, {device}.
- Software: {versions}; {backend} backend, {xla}, {steps} steps an execution.
- Weights: stored in half precision, which changes no value of {rounded} by more than {change}; figures are those of
  the weights before.
- Made by `kerasgen train {preset} --seed {seed}{changes}` and `kerasgen publish RUN saved_models/{name}{options}`.

## Licence of the data

{licence}. The model is a derivative of it; kerasgen itself is under Apache-2.0.
"""


def text(name, model, shown, way, config, metrics, data, seeds, more, changes, measured, options):
    """The card of a published run; see `kerasgen.cards.publish`, which measures what it says."""
    figures, protocol, environment = metrics["figures"], metrics["protocol"], config["environment"]
    rows = [
        f"| {evaluation.label(key, protocol)}{evaluation.arrow(key)} | {number(value)} |"
        + (f" {interval(metrics['intervals'], key)} |" if metrics["intervals"] else "")
        + _spread([value, *(each["figures"].get(key) for each in more)])
        for key, value in figures.items()
        if key != "loss"  # It is the sum of its terms, and weighted.
    ]
    sampled = ""
    if "samples" in protocol:
        weights = protocol["weights_sha256"]
        mode = ", ".join(f"{key.replace('_', ' ')}: {value or 'none'}" for key, value in protocol["sampling"].items())
        sampled = (
            f"Images: {protocol['samples']:,} samples, seed {protocol['seed']}; {mode}; features "
            f"`{protocol['features']}`"
            f"{f' (SHA-256 of the weights {weights[:16]}...)' if weights else ''}.\n"
        )
    if "likelihood_draws" in protocol:
        sampled += f"Likelihood: {protocol['likelihood_draws']} draws an image.\n"
    timed = protocol.get("epochs_timed", config["epochs"])
    likelihood = getattr(model, "likelihood", None)
    no_density = likelihood is not None and not likelihood.density and not config["dataset"].get("binarize")
    use = "generate" if model.generates else next(name for name in USES if name != "generate" and hasattr(model, name))
    call, signature, tensors = USES[use]
    label = min(3, (data.num_classes or 1) - 1)
    shape = ", ".join(map(str, model.image_shape))
    colour = ", grey" if model.image_shape[-1] == 1 else ""
    values = "grey values" if colour else "values between 0 and 1"
    return CARD.format(
        name=name,
        preset=config["preset"],
        changes="".join(f" --set '{key}={json.dumps(value)}'" for key, value in _changes(config)),
        summary=presets.get(config["preset"])["summary"],
        changed=", with changes (below, `--set`)" if any(_changes(config)) else "",
        built="; ".join(_built(part, options, config) for part, options in config["networks"].items()),
        model=type(model).__name__,
        networks=_networks(model),
        latents=f", {model.latent_dim} latents" if hasattr(model, "latent_dim") else "",
        arguments="".join(
            f", {key.replace('_', ' ')} {value}" for key, value in config["arguments"].items() if key != "likelihood"
        ),
        likelihood=f", likelihood `{type(likelihood).__name__}`" if likelihood else "",
        pictures="\n".join(
            [
                f"| {' | '.join(PICTURES[picture] for picture in shown)} |",
                "|---" * len(shown) + "|",
                f"| {' | '.join(f'![{picture}]({picture}.png)' for picture in shown)} |",
            ]
        ),
        way=way,
        shape=shape,
        range=" in [0, 1]" if getattr(model, "bounded", True) else "",
        given="" if use == "generate" else f"    images = np.zeros((16, {shape}))\n",
        tf_given="" if use == "generate" else f"    images = tf.zeros([16, {shape}])\n",
        call=call.format(labels=f", labels=[{label}] * 16" if model.conditional else "", label=label),
        numpy="" if use == "generate" else ", numpy as np",
        signature=signature,
        tensors=tensors.format(tf_labels=f", labels=tf.fill([16], {label})" if model.conditional else "", label=label),
        rounded=" and ".join(changes),
        change=_at_most(max(changes.values())),
        measured=measured,
        options=options,
        chosen=CHOSEN.get(config["preset"], ""),
        intervals_title=" 95% interval |" if metrics["intervals"] else "",
        intervals_rule="---|" if metrics["intervals"] else "",
        seeds_title=f" mean ± standard deviation over {len(seeds)} seeds |" if more else "",
        seeds_rule="---|" if more else "",
        runs=f"one run of {len(seeds)}, the others from seeds {', '.join(map(str, seeds[1:]))}" if more else "one run",
        figures="\n".join(rows),
        images=protocol["images"],
        split=protocol["split"],
        note=f", {values}: the reconstruction is a Bernoulli cross-entropy and not a density" if no_density else "",
        data=data.name,
        stored=_stored(data),
        published=_published(name, config["preset"], data, protocol),
        binarize=BINARISED.get(config["dataset"].get("binarize"), colour),
        sampled=sampled,
        training=data.sizes["train"],
        curves=protocol["curves"],
        epochs=config["epochs"],
        batch_size=config["dataset"]["batch_size"],
        optimizer=_optimizers(model, config["optimizer"] or model.default_optimizer),
        seed=config["seed"],
        seconds=protocol["seconds"],
        timed="" if timed == config["epochs"] else f" for {timed} of them",
        machine=environment["machine"],
        device=environment["device"],
        versions=", ".join(f"{package} {version}" for package, version in environment["versions"].items()),
        backend=environment["backend"],
        xla="XLA" if environment["jit_compile"] else "without XLA",
        steps=environment["steps_per_execution"],
        licence=LICENCES.get(data.name.split("/")[0], "See the data set's own page"),
    )


def _changes(config, preset=None, prefix=""):
    """What a run was asked for beyond its preset: pairs of a dotted key and a value."""
    preset = presets.get(config["preset"]) if preset is None else preset
    for key, value in config.items():
        if not prefix and key in (*trained.BESIDE, "preset", "seed"):
            continue
        if prefix == "dataset." and key in trained.BESIDE_DATA:
            continue
        if isinstance(value, dict) and isinstance(preset.get(key), dict):
            yield from _changes(value, preset[key], f"{prefix}{key}.")
        elif value != preset.get(key):
            yield f"{prefix}{key}", value


def _stored(data):
    """How large the pictures are on disk, where they are read at another size."""
    height, width = data.image_shape[:2]
    return f", pictures of {data.stored_size} pixels on disk read as {height}x{width}" if data.stored_size else ""


def _built(part, options, config):
    """A network's builder and its options, in words."""
    if options.get("layout") == "layout" and "layout" in config:
        options = {**options, "layout": config["layout"]}
    said = ", ".join(
        f"{key.replace('_', ' ')} {json.dumps(value)}" for key, value in options.items() if key != "builder"
    )
    return f"{part} `{options['builder']}`{f' ({said})' if said else ''}"


def _published(name, preset, data, protocol):
    if preset not in PUBLISHED or data.name != presets.get(preset)["dataset"]["name"]:
        return ""
    differences = []
    if protocol["features"] != "fid_inception":
        differences.append(f"in other features (`{protocol['features']}`)")
    if data.stored_size == "96x96":
        differences.append(
            "on other pictures (this copy of Imagenette holds squares of 96x96 pixels, where the official one keeps "
            "the proportions of each picture, its shorter side 160 pixels)"
        )
    if differences:
        compare = f"The figures above do not compare with it: they are measured\n{' and '.join(differences)}."
    else:
        compare = "The figures above compare with it with care: its protocol may be another than theirs."
    licence = LICENCES[data.name.split("/")[0]]
    return BESIDE_PUBLISHED.format(name=name, published=PUBLISHED[preset], compare=compare, licence=licence)


def interval(intervals, key):
    """A figure's interval as it stands on a card; empty where it has none."""
    return " to ".join(map(number, intervals[key])) if key in intervals else ""


def _spread(values):
    """A cell of a figure over several seeds, empty where one has none; no cell for a single seed."""
    return "" if len(values) == 1 else f" {'' if None in values else benchmark.summary(values)} |"


def _networks(model):
    parts = {name: getattr(model, name) for player in model.players.values() for name in player}
    parts = {name: part.count_params() for name, part in parts.items() if isinstance(part, keras.Model)}
    each = ", ".join(f"{name} {count:,}" for name, count in parts.items())
    return f"{model.count_params():,} parameters ({each})"


def _optimizers(model, given):
    """The optimizers in words; each player's, where they differ."""
    each = {player: given if "class_name" in given else given[player] for player in model.players}
    said = {player: _optimizer(keras.optimizers.get(optimizer)) for player, optimizer in each.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{player}: {text}" for player, text in said.items())


def _optimizer(optimizer):
    config = optimizer.get_config()
    betas = f", betas {config['beta_1']:g} and {config['beta_2']:g}" if "beta_1" in config else ""
    average = f", weights averaged with momentum {config['ema_momentum']:g}" if config["use_ema"] else ""
    return f"{type(optimizer).__name__} with learning rate {float(optimizer.learning_rate):g}{betas}{average}"


def _at_most(value):
    """A number that is not negative as text of one digit, rounded up: what is not exceeded."""
    if value == 0:
        return "0"
    digit = 10.0 ** math.floor(math.log10(value))
    return f"{math.ceil(value / digit) * digit:.1g}"


def number(value):
    """A figure as it stands on a card."""
    if value is None or float(value).is_integer():
        return "" if value is None else f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"
