"""`GenerativeModel`: what is the same for all models."""

import contextlib
import functools
import inspect
import warnings

import keras
import numpy as np
from keras import ops

from kerasgen.engine.checks import check_classes
from kerasgen.engine.gradients import Scope, global_noise_untouched, gradients, prefers_xla
from kerasgen.engine.optimizer import PlayersOptimizer

#: The log by which a step tells that a number was not finite; no callback sees it.
NOT_FINITE = "not_finite"


class NotFiniteError(ValueError):
    """A term or a gradient of a training step was NaN or infinite."""


class FirstNotFinite(keras.metrics.Metric):
    """Where the first number of an epoch was found that is NaN or infinite: step, which one, and the number itself.

    A metric, because its state shall live on the device, begin anew with each epoch, and be saved nowhere.
    """

    def __init__(self, name):
        super().__init__(name=name)
        self.found = self.add_variable((3,), "zeros", name="found")

    def update_state(self, step, values, watched):
        """Look at some values.

        Args:
            step: int tensor. Number of the train step, from 1.
            values: Dict of scalars.
            watched: List of pairs of a number that says which value it is, and its name.
        """
        watched = [(index, name) for index, name in watched if name in values]
        numbers = ops.stack([ops.cast(values[name], "float32") for _, name in watched])
        good = ops.isfinite(numbers)
        # The first that is not finite: argmin takes the first of equals.
        worst = ops.argmin(ops.cast(good, "int32"))
        which = ops.take(ops.convert_to_tensor([float(index) for index, _ in watched]), worst)
        found = ops.stack([ops.cast(step, "float32"), which, ops.take(numbers, worst)])
        before = self.found.value
        self.found.assign(ops.where(ops.logical_or(before[0] > 0, ops.all(good)), before, found))

    def result(self):
        """Step (0: there is none), number of the value, and the value."""
        return ops.copy(self.found.value)


class Tunable:
    """A scalar hyperparameter of a model that may change during training, such as beta.

    It is a class attribute of the model. Reading gives a scalar variable, so that compiled steps see a new value;
    `model.beta = 0.5` assigns it. It is saved with the model, and counted neither in `count_params` nor in `weights`.
    """

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, model, owner=None):
        if model is None:
            return self
        if self.name not in model._tunables:
            raise AttributeError(self.name)
        return model._tunables[self.name]

    def __set__(self, model, value):
        if self.name in model._tunables:
            model._tunables[self.name].assign(value)
        else:
            initial = keras.initializers.Constant(value)
            variable = model.add_weight((), initial, dtype="float32", trainable=False, name=self.name)
            model._tunables = {**model._tunables, self.name: variable}


class GenerativeModel(keras.Model):
    """A model that one or several players train, each minimising a loss of its own over networks of its own.

    A family (autoencoders, GANs, ...) overrides `train_step` and `test_step`, which read as the paper's algorithm on
    all backends; a model overrides losses. A loss takes the batch and `training`, and returns named terms, unweighted.

        minimised by a player:   sum over its terms of  term_weights[term] * term     (weight 1 where none is given)
        logged:                  each term as it is; `loss`, the sum, where there is one player

    Args:
        players: Dict from a player's name to a dict from attribute name to network (or layer with trainable weights).
            The networks are built and become attributes of the model.
        seed: int or None. Seeds the noise of training. None: drawn by Keras (`keras.utils.set_random_seed` fixes it).
        **kwargs: `name`, `dtype`, `trainable` of `keras.Model`.

    Raises:
        ValueError: If a network is not built, is shared by two players, or has the name of another one.
    """

    #: The optimizer of each player when `compile` gets none.
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 1e-3}}
    #: Player -> names of the terms that its loss returns.
    terms = {}
    #: The loss scale of float16 below which a gradient that is not finite is no matter of the scale.
    smallest_scale = 2.0**-10
    #: What else may be the cause where a number is not finite.
    hint_of_trouble = ""
    #: Names of terms that say how a player does, and are neither good nor bad where they are low.
    watched = ()
    #: Batches of one execution of the compiled step, when neither `compile` nor a callback says (measured: benchmarks).
    steps_of_execution = 20

    def __init__(self, players, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._tunables = {}
        self.seed = seed
        self.players = {player: tuple(networks) for player, networks in players.items()}
        networks = {}
        for attribute, network in (item for part in players.values() for item in part.items()):
            if network in networks.values() or network.name in [other.name for other in networks.values()]:
                raise ValueError(
                    "Each player trains networks of its own, and each network has a name of its own (pass `name=` when "
                    f"you build it). Received twice: '{network.name}' (as {attribute})"
                )
            if not network.built:
                raise ValueError(f"Networks must be built: call it on a batch first. Received: {network} ({attribute})")
            networks[attribute] = network
            setattr(self, attribute, network)
        self._training_noise = keras.random.SeedGenerator(seed)
        # One constant for all models: validation uses the same noise in every epoch, and in every run.
        self._validation_noise = keras.random.SeedGenerator(20_011)
        self._noise = self._training_noise
        names = [name for terms in self.terms.values() for name in terms] + ["regularization"]
        names += [f"{player}_gradient_norm" for player in players]
        self._term_means = {name: keras.metrics.Mean(name=name) for name in names}
        if len(players) == 1:
            self._term_means["loss"] = keras.metrics.Mean(name="loss")
        # What may turn out not to be a finite number in a step, by the order in which it is found.
        self._watched = [
            (player, name) for player in players for name in (*self.terms[player], "regularization", "gradient")
        ]
        self._trouble = FirstNotFinite(name=NOT_FINITE)
        for generator in self._seed_generators_of_layers():
            if generator._initial_seed is None:
                # Without it, Keras's Dropout on PyTorch draws from a global generator that no model saves.
                generator._initial_seed = int(ops.convert_to_numpy(generator.state)[0])
        self._fit_callbacks = None
        self.built = True

    # ---- for the authors of models

    @property
    def term_weights(self):
        """Dict from the name of a term to its weight in what is minimised, None for a term that is only watched."""
        return {}

    def networks_of(self, player):
        """The networks that a player trains."""
        return [getattr(self, attribute) for attribute in self.players[player]]

    def unpack(self, data):
        """The images, labels and sample weights of a batch of `fit`, float32 where they are numbers.

        The labels are None where no network takes any, the weights where `fit` got none.
        """
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        images = ops.cast(images, "float32")
        weights = None if weights is None else ops.cast(weights, "float32")
        if not self.conditional:
            return images, None, weights
        if labels is None:
            raise ValueError("The networks of this model take labels: pass `fit(x, y)`. Received: x only")
        return images, ops.cast(ops.reshape(labels, (-1,)), "int32"), weights

    def run(self, network, inputs, labels=None, training=False, hidden=None):
        """Run a network, in float32 after its last layer; the labels go to the networks that take them.

        Args:
            network: A network of the model.
            inputs: Tensor, or a list of them for a network of several inputs.
            labels: int tensor `(batch,)`, or None.
            training: bool.
            hidden: Name of a layer of the network, or None. With it the outputs of that layer follow those of the
                network.

        Returns:
            Tensor, or a list of them.
        """
        if Scope.active is not None:
            Scope.active.network = network
        inputs = _inputs(network, inputs, labels)
        outputs = (network if hidden is None else self._with_hidden(network, hidden))(inputs, training=training)
        return keras.tree.map_structure(lambda output: ops.cast(output, "float32"), outputs)

    def _with_hidden(self, network, layer):
        # Kept where Keras does not look for layers: those of this network are the other one's.
        known = self.__dict__.setdefault("_networks_with_hidden", {})
        if (network.name, layer) not in known:
            outputs = [*network.outputs, network.get_layer(layer).output]
            known[network.name, layer] = keras.Model(network.inputs, outputs, name=network.name)
        return known[network.name, layer]

    def draw(self, distribution, shape):
        """Draw noise for a loss: all that a train or test step draws passes here.

        Args:
            distribution: "normal" or "uniform" (a function of `keras.random`).
            shape: Shape of the noise.

        Returns:
            float32 tensor. Training draws from a saved state, validation from one that each evaluation starts anew.
        """
        return getattr(keras.random, distribution)(shape, dtype="float32", seed=self._noise)

    def minimize(self, player, loss, *batch):
        """Do one step of a player: differentiate its loss for its variables alone, and apply the gradients.

        Args:
            player: str. Its networks keep their new state (batch statistics); those of others do not.
            loss: Function of `(*batch, training)` that returns the named terms.
            *batch: What `loss` takes.

        Returns:
            Dict of the terms, scalars, to be given to `log`: with them the norm of the player's gradient, and where the
            first number was found in this epoch that is not finite.
        """
        variables = [v for network in self.networks_of(player) for v in network.trainable_variables]
        scale = self.optimizer.scale_of(player)

        def scaled_loss():
            total, terms = self._total(player, loss, batch, training=True)
            return (total if scale is None else total * scale), terms

        self._noise = self._training_noise
        gradient, terms, state = gradients(scaled_loss, variables)
        own = [v for network in self.networks_of(player) for v in network.non_trainable_variables]
        self._assign(state, own + self._seed_states())
        norm = ops.sqrt(sum([ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradient if g is not None], 0.0))
        norm = norm if scale is None else norm / scale
        watched = {**terms, "gradient": norm}
        if scale is not None:
            # A step that loss scaling skips is none to worry about, unless it is not the scale that is at fault.
            skipped = ops.logical_and(ops.logical_not(ops.isfinite(norm)), scale.value > self.smallest_scale)
            watched = {name: ops.where(skipped, 0.0, value) for name, value in watched.items()}
        self._trouble.update_state(
            self.optimizer.iterations + 1,
            watched,
            [(index, name) for index, (whose, name) in enumerate(self._watched) if whose == player],
        )
        self.optimizer.apply_player(player, gradient, variables)
        if player == list(self.players)[-1]:
            self.optimizer.iterations.assign_add(1)
        if len(self.players) > 1:
            terms[f"{player}_gradient_norm"] = norm
        return {**terms, NOT_FINITE: self._trouble.result()}

    def measure(self, player, loss, *batch):
        """The terms of a player's loss as `minimize` returns them, in inference mode, changing nothing."""
        self._noise = self._validation_noise
        with Scope() as scope:
            _, terms = self._total(player, loss, batch, training=False)
        self._noise = self._training_noise
        self._assign(scope.state_mapping, [self._validation_noise.state])
        return terms

    def log(self, terms, images, weights=None):
        """Add a batch's terms to the means of the epoch, and return these: what a step returns."""
        count = ops.cast(ops.shape(images)[0] if weights is None else ops.sum(weights), "float32")
        logs = {NOT_FINITE: terms[NOT_FINITE]} if NOT_FINITE in terms else {}
        for name in [name for name in terms if name != NOT_FINITE]:
            # A gradient that loss scaling skips counts for nothing in the mean of its norm.
            counted = ops.logical_or(not name.endswith("_gradient_norm"), ops.isfinite(terms[name]))
            term = ops.where(counted, terms[name], 0.0)
            self._term_means[name].update_state(term, sample_weight=ops.where(counted, count, 0.0))
            logs[name] = self._term_means[name].result()
        return logs

    def _total(self, player, loss, batch, training):
        terms = dict(loss(*batch, training=training))
        expected = self.terms[player]
        if set(terms) != set(expected):
            raise ValueError(f"The loss of player '{player}' must return the terms {expected}. Received: {list(terms)}")
        networks = self.networks_of(player)
        added = [ops.sum(loss) for network, loss in Scope.active.added if network in networks]
        weights = [v for network in networks for v in network.trainable_variables if v.regularizer is not None]
        added += [variable.regularizer(variable.value) for variable in weights]
        if added:
            terms["regularization"] = sum(ops.cast(loss, "float32") for loss in added)
        factors = {**dict.fromkeys(terms, 1.0), **self.term_weights}
        total = sum(terms[name] * factors[name] for name in terms if factors[name] is not None)
        if len(self.players) == 1:
            terms["loss"] = total
        return total, terms

    @staticmethod
    def _assign(state, variables):
        for variable in variables:
            if id(variable) in state:
                variable.assign(state[id(variable)])

    # ---- labels and data

    @property
    def conditional(self):
        """Whether some network takes labels."""
        return any(takes_labels(network) for network in self._networks())

    @property
    def num_classes(self):
        """The number of classes that the networks know, or None."""
        layers = [layer for network in self._networks() for layer in network._flatten_layers()]
        sizes = [layer.input_dim for layer in layers if isinstance(layer, keras.layers.Embedding)]
        sizes += [layer.num_tokens for layer in layers if isinstance(layer, keras.layers.CategoryEncoding)]
        return min(sizes) if sizes and self.conditional else None

    def labels_for(self, count, labels):
        """The labels of so many images: those given, or else the classes in turn, or None without classes."""
        if labels is None and self.num_classes:
            return np.arange(count, dtype="int32") % self.num_classes
        if labels is not None and not self.conditional:
            raise ValueError("The networks of this model take no labels: build them with `num_classes=`, or pass none")
        if labels is not None:
            check_classes(labels, self.num_classes)
            if np.size(labels) != count:
                raise ValueError(f"There must be a label for each of {count} images. Received: {np.size(labels)}")
        return labels

    def check_labels(self, labels):
        """Raise a ValueError where the networks take labels and there are none, or not class numbers that they know."""
        if not self.conditional:
            return
        if labels is None:
            raise ValueError("The networks of this model take labels: pass `fit(x, y)`. Received: x only")
        check_classes(labels, self.num_classes)

    def check_data(self, images, labels, weights):
        """Raise a ValueError where `fit` got data that the model cannot take. A family says what it can take."""

    def _networks(self):
        return [network for player in self.players for network in self.networks_of(player)]

    # ---- Keras: steps

    def compile(self, optimizer=None, run_eagerly=False, steps_per_execution="auto", jit_compile="auto"):
        """Configure training.

        Args:
            optimizer: None for the model's `default_optimizer`; one optimizer (name, config or object), copied for
                each player; or a dict that names one per player.
            run_eagerly: bool. Run steps in Python, to debug.
            steps_per_execution: int, or "auto": as many as pays, never more than a callback's interval.
            jit_compile: bool, or "auto": XLA where it is quicker for these networks on this backend and device. Without
                effect on PyTorch.

        Raises:
            ValueError: If a player has no optimizer, or an optimizer no player.
        """
        if not isinstance(optimizer, PlayersOptimizer):
            optimizer = PlayersOptimizer(self._optimizers(optimizer))
            self._warn_of_averages(optimizer)  # A saved model comes with its optimizer, and was warned of it.
        scaled = any(layer.compute_dtype == "float16" for layer in self._flatten_layers())
        variables = {
            player: [v for network in self.networks_of(player) for v in network.trainable_variables]
            for player in self.players
        }
        optimizer.bind(variables, scaled)
        self._requested = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        if jit_compile == "auto":
            jit_compile = not run_eagerly and prefers_xla(self._networks())
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if steps_per_execution == "auto" else steps_per_execution,
            jit_compile=jit_compile and keras.backend.backend() != "torch",
            auto_scale_loss=False,
        )
        optimizer.build(self.trainable_variables)

    def _warn_of_averages(self, optimizer):
        """Warn where weights are averaged, but not the moving statistics that belong to them."""
        players = [
            player
            for player in self.players
            if optimizer.of(player).use_ema
            for network in self.networks_of(player)
            if any(isinstance(layer, keras.layers.BatchNormalization) for layer in network._flatten_layers())
        ]
        if players:
            warnings.warn(
                "Averages of weights (`use_ema`) do not match the moving statistics of batch normalisation, which "
                "belong to the weights as they are, and outputs may be worse for it. Build such networks with "
                f'`normalization="layer"`, "instance" or None. Received: {", ".join(dict.fromkeys(players))}',
                stacklevel=3,
            )

    def _optimizers(self, optimizer):
        given = self.default_optimizer if optimizer is None else optimizer
        if not isinstance(given, dict) or "class_name" in given:
            given = dict.fromkeys(self.players, given)
        if set(given) != set(self.players):
            raise ValueError(
                f"`optimizer` must name one optimizer for each player of {list(self.players)}. Received: {list(given)}"
            )
        # A copy of a config: Keras writes into one that it reads.
        given = {player: dict(each) if isinstance(each, dict) else each for player, each in given.items()}
        return {player: keras.optimizers.get(given[player]) for player in self.players}

    def get_compile_config(self):
        """What `compile_from_config` needs."""
        if not self.compiled:
            return {}
        return {"optimizer": keras.optimizers.serialize(self.optimizer), **self._requested}

    def compile_from_config(self, config):
        """Compile as `get_compile_config` says."""
        self.compile(**{**config, "optimizer": keras.optimizers.deserialize(config["optimizer"])})

    @property
    def metrics(self):
        """The means of the terms, and the watch over them."""
        return [*self._term_means.values(), self._trouble]

    def make_train_function(self, force=False):
        """Build the function of one execution of training."""
        with self._stateless("train_step", "trainable_variables non_trainable_variables optimizer metrics_variables"):
            made, self.train_function = self.train_function, None if force else self.train_function
            super().make_train_function(force)
        if self.train_function is not made:
            self.train_function = self._stopping(self.train_function)

    def _stopping(self, function):
        """A function of one execution that raises before any callback sees a number that is not finite."""

        def execution(*arguments):
            result = function(*arguments)
            logs = result[0] if keras.backend.backend() == "jax" else result
            step, index, value = (float(number) for number in ops.convert_to_numpy(logs.pop(NOT_FINITE)))
            if step:
                if keras.backend.backend() == "jax":  # Else the model would be left without any values.
                    groups = ("trainable_variables", "non_trainable_variables", "optimizer_variables")
                    self._jax_state = dict(zip((*groups, "metrics_variables"), result[1]))
                    self._jax_state_synced = False
                    self.jax_state_sync()
                player, name = self._watched[int(index)]
                what = f"gradient of player '{player}'" if name == "gradient" else f"term '{name}' of player '{player}'"
                raise NotFiniteError(
                    f"Training stopped: in step {step:.0f} the {what} was not finite. Checkpoints are of the state "
                    "before; the weights here may be spoilt. Lower the learning rate, clip gradients "
                    "(`clipnorm=1.0` of an optimizer), or look for such numbers in the data"
                    f"{self.hint_of_trouble}. Received: {value:g}"
                )
            return result

        return execution

    def make_test_function(self, force=False):
        """Build the function of one execution of evaluation."""
        with self._stateless("test_step", "trainable_variables non_trainable_variables metrics_variables"):
            return super().make_test_function(force)

    @contextlib.contextmanager
    def _stateless(self, name, groups):
        """Present `step(data)` as the `step(state, data)` that Keras asks for on JAX."""
        if keras.backend.backend() != "jax":
            yield
            return
        step = getattr(self, name)

        def stateless_step(state, data):
            variables = [
                self.optimizer.variables if group == "optimizer" else getattr(self, group) for group in groups.split()
            ]
            pairs = [pair for group, values in zip(variables, state) for pair in zip(group, values)]
            with Scope(pairs) as scope:
                logs = step(data)
            return logs, tuple([scope.get_current_value(v) for v in group] for group in variables)

        self.__dict__[name] = stateless_step
        try:
            yield
        finally:
            del self.__dict__[name]

    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, **kwargs):
        """Train as `keras.Model.fit` does, after a look at the data.

        Args:
            x: Images in [0, 1] as `keras.Model.fit` takes them. Where `x` has a method `set_epoch` (the sets that
                `kerasgen.datasets.load` gives), it is called before each epoch.
            y: Labels, or None.
            batch_size: int or None.
            epochs: int.
            verbose: See Keras.
            callbacks: One callback or a list.
            **kwargs: Further arguments of `keras.Model.fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: If the data are not what the model takes: each message says what to do.
        """
        x = self._checked(x, y, kwargs.get("sample_weight"))
        y = _kept(y, kwargs.get("sample_weight"))
        if not is_indexed(x):
            kwargs.setdefault("shuffle", False)  # Keras would warn that it cannot shuffle a stream.
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
            if hasattr(x, "set_epoch"):
                callbacks = [
                    keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: x.set_epoch(epoch)),
                    *callbacks,
                ]
            callbacks = raw_before_swap(callbacks)
        if getattr(self, "_requested", {}).get("steps_per_execution") == "auto":
            self._set_steps(1 if self.run_eagerly else steps_between(callbacks, self.steps_of_execution))
        self._fit_callbacks = callbacks
        self._trains()
        try:
            return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)
        finally:
            self._fit_callbacks = None

    def train_on_batch(self, *args, **kwargs):
        """As `keras.Model.train_on_batch`."""
        self._trains()
        return super().train_on_batch(*args, **kwargs)

    def set_weights(self, weights):
        """As `keras.Model.set_weights`. Outside of `fit` averages of other weights count no more, and start anew."""
        super().set_weights(weights)
        if self.compiled and self._fit_callbacks is None:
            self.optimizer.restart_averages()

    def _trains(self):
        """From now on the weights are those that are trained, and no averages of them."""
        if self.compiled:
            self.optimizer.averages_in_place = False

    def _set_steps(self, steps):
        steps = 1 if keras.backend.backend() == "torch" else steps
        if steps != self.steps_per_execution:
            self.steps_per_execution = steps
            self.train_function = self.test_function = self.predict_function = None

    def _checked(self, x, y, weights):
        """Check arrays whole and streams by their first batch. Returns `x`, whole where it can be read only once."""
        first, x = peek(x)
        data = (x, y, weights) if first is None else keras.utils.unpack_x_y_sample_weight(first)
        self.check_data(*data)
        return x

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """As `keras.Model.evaluate`, with the same noise at each call."""
        self._restart_validation()
        with global_noise_untouched():
            return super().evaluate(
                x, _kept(y, sample_weight), batch_size, verbose, sample_weight=sample_weight, **kwargs
            )

    def test_on_batch(self, *args, **kwargs):
        """As `keras.Model.test_on_batch`, with the same noise at each call."""
        self._restart_validation()
        return super().test_on_batch(*args, **kwargs)

    def _restart_validation(self):
        state = self._validation_noise.state
        state.assign(ops.cast([self._validation_noise.get_config()["seed"], 0], state.dtype))

    # ---- averages of weights

    @contextlib.contextmanager
    def weights_in_use(self, averaged):
        """The weights as they are trained, or their moving averages, while in the context.

        When `fit` has ended they are the averages, and the others are gone: Keras has put them in place.

        Args:
            averaged: bool. True: the averages, where an optimizer keeps some (`use_ema=True`): after a checkpoint was
                restored, too, and after a training that was interrupted. False: the weights as they are trained, even
                where `keras.callbacks.SwapEMAWeights` has put the averages in place.
        """
        if not self.compiled or not self.optimizer.keeps_averages:
            yield
            return
        optimizer = self.optimizer
        callbacks = getattr(self._fit_callbacks, "callbacks", self._fit_callbacks) or []
        swaps = [c for c in callbacks if isinstance(c, keras.callbacks.SwapEMAWeights)]
        before = optimizer.averages_in_place
        in_place = before or any(callback._ema_weights_in_model for callback in swaps)
        if in_place == averaged or not (averaged or self._fit_callbacks is not None):
            yield
            return
        if keras.backend.backend() == "jax":
            self.jax_state_sync()
        optimizer.exchange_averages()
        optimizer.averages_in_place = averaged
        try:
            yield
        finally:
            optimizer.exchange_averages()
            optimizer.averages_in_place = before

    def infer(self, network, inputs, labels=None, batch_size=256):
        """Run a network in inference mode on arrays, in batches, with averaged weights where there are some.

        Args:
            network: A network of the model.
            inputs: NumPy array `(n, ...)`.
            labels: int array `(n,)`, or None.
            batch_size: int.

        Returns:
            float32 NumPy array `(n, ...)`, or a list of them.
        """
        if takes_labels(network) and labels is None:
            raise ValueError(f"Network '{network.name}' takes labels: pass `labels=`. Received: labels=None")
        labels = None if labels is None else np.asarray(labels, "int32").reshape(-1)
        inputs = _inputs(network, inputs, labels)
        count = len(keras.tree.flatten(inputs)[0])
        chunks = [slice(start, start + batch_size) for start in range(0, count, batch_size)]
        # Not `predict`: it draws from PyTorch's global generator, and so changes the order of the images in `fit`. On
        # TensorFlow a function traced for each network brings warnings and saves no time.
        eager = keras.backend.backend() == "tensorflow"
        run = functools.partial(network, training=False) if eager else network.predict_on_batch
        with self.weights_in_use(averaged=True):
            parts = [run(keras.tree.map_structure(lambda a, chunk=chunk: a[chunk], inputs)) for chunk in chunks]
        return keras.tree.map_structure(lambda *part: np.concatenate(part).astype("float32"), *parts)

    # ---- Keras: state and configs

    @property
    def weights(self):
        """The weights of the networks. Hyperparameters that may change are saved, but are no weights."""
        tunables = {id(variable) for variable in self._tunables.values()}
        return [weight for weight in super().weights if id(weight) not in tunables]

    def _seed_generators_of_layers(self):
        return [generator for layer in self._flatten_layers() for generator in layer._seed_generators]

    def _seed_states(self):
        return [generator.state for generator in self._seed_generators_of_layers()]

    def save_own_variables(self, store):
        """Save what no network holds: hyperparameters, and the state of all random generators, which Keras forgets."""
        super().save_own_variables(store)
        for index, state in enumerate(self._seed_states()):
            store[f"seed_{index}"] = ops.convert_to_numpy(state)

    def load_own_variables(self, store):
        """Load what `save_own_variables` saved."""
        states = self._seed_states()
        keys = list(store.keys())
        saved = [key for key in keys if key.startswith("seed_")]
        if len(saved) != len(states):
            raise ValueError(
                f"The weights are those of another model: it has {len(states)} random generators. "
                f"Received: {len(saved)} states"
            )
        super().load_own_variables({key: store[key] for key in keys if key not in saved})
        for index, state in enumerate(states):
            state.assign(store[f"seed_{index}"])

    @classmethod
    def _arguments(cls):
        """The names of the constructor's arguments, those of the base classes included."""
        parameters = {}
        for base in cls.__mro__[: cls.__mro__.index(GenerativeModel)]:
            parameters |= inspect.signature(base.__init__).parameters
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        # `players` is how a subclass tells a base of further players.
        others = ("self", "players")
        return [name for name, p in parameters.items() if p.kind not in kinds and name not in others] + ["seed"]

    def get_config(self):
        """Config: each argument of the constructor, from the attribute of its name."""
        config = {"name": self.name, "dtype": keras.dtype_policies.serialize(self.dtype_policy)}
        for name in self._arguments():
            value = getattr(self, name)
            value = float(value) if isinstance(value, keras.Variable) else value
            config[name] = keras.saving.serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of a config."""
        return cls(**{key: keras.saving.deserialize_keras_object(v, custom_objects) for key, v in config.items()})


def _kept(y, sample_weight):
    """Labels of no meaning where there are weights but no labels: Keras would drop the weights without a word."""
    return np.zeros(len(sample_weight)) if y is None and sample_weight is not None else y


def _inputs(network, inputs, labels):
    """What a network is called on: the labels come last, where it takes some."""
    return [*keras.tree.flatten(inputs), labels] if takes_labels(network) else inputs


def input_specs(name, shape, *networks):
    """The inputs of a signature: tensors `(batch, *shape)`, and `labels` where one of the networks takes some.

    Args:
        name: str.
        shape: Tuple of ints.
        *networks: The networks that the signature runs.

    Returns:
        List of `keras.InputSpec`.
    """
    specs = [keras.InputSpec("float32", (None, *shape), name=name)]
    if any(takes_labels(network) for network in networks):
        specs.append(keras.InputSpec("int32", (None,), name="labels"))
    return specs


def takes_labels(network):
    """Whether a network has an input named "label"."""
    return any(tensor.name == "label" for tensor in getattr(network, "inputs", None) or [])


def steps_between(callbacks, most):
    """The most batches, up to `most`, that one execution may hold without jumping over a callback's interval.

    A callback that looks at batches is called after each execution. It may say in an attribute `every_steps` how many
    batches it wants between two looks; without it, it is called after each batch.
    """
    looks = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    inherited = [getattr(keras.callbacks.Callback, look) for look in looks]
    intervals = [most]
    for callback in getattr(callbacks, "callbacks", callbacks):
        # A LambdaCallback sets functions on the object, which have no `__func__`.
        own = [getattr(getattr(callback, look), "__func__", None) for look in looks]
        if own != inherited and not isinstance(callback, keras.callbacks.ProgbarLogger):
            intervals.append(getattr(callback, "every_steps", None) or 1)
    return max(1, min(intervals))


def raw_before_swap(callbacks):
    """Callbacks in an order in which those that need the raw weights come before `SwapEMAWeights`.

    After the last epoch it keeps the averages only. A callback says in an attribute `needs_raw_weights` that it does.
    """
    swaps = [index for index, c in enumerate(callbacks) if isinstance(c, keras.callbacks.SwapEMAWeights)]
    first = swaps[0] if swaps else len(callbacks)
    return sorted(callbacks, key=lambda c: callbacks.index(c) >= first and not getattr(c, "needs_raw_weights", False))


def is_indexed(data):
    """Whether `fit` got arrays or a `PyDataset`, which Keras can shuffle; else it got a stream of batches."""
    return data is None or hasattr(data, "shape") or isinstance(data, (list, tuple, dict, keras.utils.PyDataset))


def peek(data):
    """The first batch of a stream, or None for arrays; and the stream, whole again."""
    if is_indexed(data):
        return (data[0] if isinstance(data, keras.utils.PyDataset) else None), data
    iterator = iter(data)
    first = next(iterator, None)
    if first is None:
        raise ValueError("The data hold no batch: is the batch larger than the set, with `drop_remainder`? Received: 0")
    if iterator is data:

        def whole():
            yield first
            yield from iterator

        return first, whole()
    return first, data
