"""Cards: a trained model in `saved_models/`, with what a stranger needs to use it and to judge its figures."""

import shutil
from pathlib import Path

import keras

from kerasgen import evaluation, export, presets, runs

LICENCES = {
    "digits": "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), UCI repository: CC BY 4.0",
    "shapes": "none: computed by kerasgen, Apache-2.0",
    "mnist": "MNIST (Y. LeCun, C. Cortes, C. J. C. Burges): commonly stated as CC BY-SA 3.0",
    "fashion_mnist": "Fashion-MNIST (Zalando SE): MIT",
    "imagenette": "Imagenette (J. Howard, fast.ai): photographs under ImageNet's terms, non-commercial research",
    "celeb_a": "CelebA (MMLAB, The Chinese University of Hong Kong): non-commercial research",
}

#: Pictures of a run that a card shows side by side, where there are some -> what stands above them.
PICTURES = {"samples": "samples", "reconstructions": "reconstructions of test images"}

CARD = """# {name}

{summary}: `kerasgen.models.{model}`, {networks}{likelihood}, {latents} latents{arguments}.

{pictures}

![learning curves](learning_curves.png)

## Use

    import kerasgen, keras
    model = keras.models.load_model("saved_models/{name}/model.keras")
    images = model.generate(16, seed=0{python_labels})  # float32 (16, {shape}) in [0, 1]

or without kerasgen and Keras:

    import tensorflow as tf
    model = tf.saved_model.load("saved_models/{name}/saved_model")
    images = model.signatures["sample"](count=tf.constant(16), seed=tf.constant(0){labels})["images"]

## Figures

| figure | value |
|---|---|
{figures}

Measured on all {images:,} images of the {split} split{note}.
{sampled}Figures of the last epoch: no checkpoint was chosen on that split. `kerasgen evaluate` repeats them.

## Protocol

- Data: {data}, values in [0, 1]{binarize}, full training split of {training:,} images; the curves show the {curves}.
- Training: {epochs} epochs, batch {batch_size}, {optimizer}, seed {seed}, one run. {seconds:.0f} s{timed} on {machine}.
- Software: {versions}; {backend} backend, {xla}, {steps} steps an execution.
- Made by `kerasgen train {name} --seed {seed}` and `kerasgen publish RUN saved_models/{name}`.

## Licence of the data

{licence}. The model is a derivative of it; kerasgen itself is under Apache-2.0.
"""


def publish(run_dir, folder, draws=100):
    """Write the trained model of a run with its card, as `saved_models/` holds them.

        folder/saved_model/    for TensorFlow alone
        folder/model.keras     for kerasgen, without the state of the optimizer
        folder/README.md       the card, and its pictures

    Args:
        run_dir: Path of a run that has ended.
        folder: Path of a folder, made where missing; files of these names in it are replaced.
        draws: int. Latents an image for the importance-weighted bound on a VAE's log-likelihood.

    Returns:
        Path of the card.

    Raises:
        ValueError: If there is no such run, or it has not ended.
    """
    path, folder = Path(run_dir), Path(folder)
    runs.load(path)  # refuses a run that has not ended
    model = keras.models.load_model(path / "model.keras", compile=False)
    names = evaluation.default_metrics(model)
    names += ["negative_log_likelihood"] * hasattr(model, "log_likelihood")
    metrics = evaluation.evaluate(path, metrics=names, draws=draws)
    folder.mkdir(parents=True, exist_ok=True)
    for picture in (*PICTURES, "learning_curves"):
        if (path / "pictures" / f"{picture}.png").exists():
            shutil.copyfile(path / "pictures" / f"{picture}.png", folder / f"{picture}.png")
    model.save(folder / "model.keras")
    export.saved_model(model, folder / "saved_model")
    card = folder / "README.md"
    shown = [name for name in PICTURES if (folder / f"{name}.png").exists()]
    card.write_text(_text(folder.name, model, shown, runs.info(path)["config"], metrics, runs.data_of(path)))
    return card


def _text(name, model, shown, config, metrics, data):
    figures, protocol, environment = metrics["figures"], metrics["protocol"], config["environment"]
    arrows = {None: "", "lower": " ↓", "higher": " ↑"}
    rows = [
        f"| {evaluation.label(key, protocol)}{arrows[evaluation.DIRECTIONS.get(key)]} | {_round(value)} |"
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
    grey = likelihood is not None and not likelihood.density and not config["dataset"].get("binarize")
    return CARD.format(
        name=name,
        summary=presets.get(config["preset"])["summary"],
        model=type(model).__name__,
        networks=_networks(model),
        latents=model.latent_dim,
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
        shape=", ".join(map(str, model.image_shape)),
        python_labels=", labels=[3] * 16" if model.conditional else "",
        labels=", labels=tf.fill([16], 3)" if model.conditional else "",
        figures="\n".join(rows),
        images=protocol["images"],
        split=protocol["split"],
        note=", grey values: the reconstruction is a Bernoulli cross-entropy and not a density" if grey else "",
        data=data.name,
        binarize=", binarised" if config["dataset"].get("binarize") else ", grey",
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
        versions=", ".join(f"{package} {version}" for package, version in environment["versions"].items()),
        backend=environment["backend"],
        xla="XLA" if environment["jit_compile"] else "without XLA",
        steps=environment["steps_per_execution"],
        licence=LICENCES.get(data.name.split("/")[0], "See the data set's own page"),
    )


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


def _round(value):
    if value is None or float(value).is_integer():
        return "" if value is None else f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"
