"""`GenerativeModel`: what is the same for all models."""

import keras
from keras import ops

from kerasgen.engine import replicas
from kerasgen.engine.averages import Averaged
from kerasgen.engine.fitting import Fitted
from kerasgen.engine.gradients import Scope, gradients
from kerasgen.engine.inputs import inputs_of, known_or_nan
from kerasgen.engine.labels import Labelled
from kerasgen.engine.not_finite import NOT_FINITE, FirstNotFinite
from kerasgen.engine.saving import Saved
from kerasgen.engine.steps import Compiled


class GenerativeModel(Compiled, Fitted, Averaged, Saved, Labelled, keras.Model):
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
    #: The images that a step needs: where several devices share a batch, each has as many, or all of them.
    least_images = 1
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
        self._fit_callbacks = self._fit_thread = None
        self._on_batch = self._started_alike = False
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

        Labels are None where no network takes any; weights where `fit` got none. See `known_or_nan` for others.
        """
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        images = ops.cast(images, "float32")
        weights = None if weights is None else ops.cast(weights, "float32")
        if not self.conditional:
            return images, None, weights
        if labels is None:
            raise ValueError("The networks of this model take labels: pass `fit(x, y)`. Received: x only")
        return *known_or_nan(images, labels, self.num_classes), weights

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
        if Scope.active() is not None:
            Scope.active().network = network
        inputs = inputs_of(network, inputs, labels)
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
            shape: Shape of the noise; the first axis is that of the images.

        Returns:
            float32 tensor. Training draws from a saved state, validation from one that each evaluation starts anew. On
            several devices it is a part of what one device draws.
        """
        return replicas.draw(distribution, shape, self._noise)

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
        scale, share = self.optimizer.scale_of(player), replicas.share(ops.shape(batch[0])[0])

        def scaled_loss():
            total, terms = self._total(player, loss, batch, training=True)
            total = total if scale is None else total * scale
            return (total if share is None else total * share), terms

        self._noise = self._training_noise
        gradient, terms, state = gradients(scaled_loss, variables)
        own = [v for network in self.networks_of(player) for v in network.non_trainable_variables]
        kept = {id(v): state[id(v)] for v in own if id(v) in state and keras.backend.is_float_dtype(v.dtype)}
        gradient, terms, kept = replicas.agree(share, gradient, terms, kept)
        own += self._seed_states()
        with replicas.assigning([*variables, *own, *self.optimizer.variables]):
            self._assign({**state, **kept}, own)
            norm = self._apply(player, gradient, variables, terms)
        if len(self.players) > 1:
            terms[f"{player}_gradient_norm"] = norm
        return {**terms, NOT_FINITE: self._trouble.result()}

    def _apply(self, player, gradient, variables, terms):
        """Apply the gradient of a player's (scaled) loss, watch over the numbers, and return the gradient's norm."""
        scale = self.optimizer.scale_of(player)
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
        return norm

    def measure(self, player, loss, *batch):
        """The terms of a player's loss as `minimize` returns them, in inference mode, changing nothing."""
        self._noise = self._validation_noise
        with Scope() as scope:
            _, terms = self._total(player, loss, batch, training=False)
        self._noise = self._training_noise
        with replicas.assigning([self._validation_noise.state]):
            self._assign(scope.state_mapping, [self._validation_noise.state])
        return replicas.agree(replicas.share(ops.shape(batch[0])[0]), [], terms, {})[1]

    def log(self, terms, images, weights=None):
        """Add a batch's terms to the means of the epoch, and return these: what a step returns."""
        count = replicas.counted(ops.cast(ops.shape(images)[0] if weights is None else ops.sum(weights), "float32"))
        logs = {NOT_FINITE: terms[NOT_FINITE]} if NOT_FINITE in terms else {}
        for name in [name for name in terms if name != NOT_FINITE]:
            # A gradient that loss scaling skips counts for nothing in the mean of its norm.
            counted = ops.logical_or(not name.endswith("_gradient_norm"), ops.isfinite(terms[name]))
            term = ops.where(counted, terms[name], 0.0)
            self._term_means[name].update_state(term, sample_weight=ops.where(counted, count, 0.0))
            logs[name] = self._term_means[name].result()
        return logs

    @property
    def metrics(self):
        """The means of the terms, and the watch over them."""
        return [*self._term_means.values(), self._trouble]

    @property
    def metrics_names(self):
        """The names of the numbers that `evaluate` returned last, or of those that `fit` logged, in their order."""
        return [name for name, mean in self._term_means.items() if float(ops.convert_to_numpy(mean.count))]

    def get_metrics_result(self):
        """The means of the terms that were logged last."""
        return {name: self._term_means[name].result() for name in self.metrics_names}

    def _total(self, player, loss, batch, training):
        of_layers = [g for g in self._seed_generators_of_layers() if g not in self._seed_generators]
        with replicas.own_noise_of_layers(Scope.active(), of_layers):
            terms = dict(loss(*batch, training=training))
        expected = self.terms[player]
        if set(terms) != set(expected):
            raise ValueError(f"The loss of player '{player}' must return the terms {expected}. Received: {list(terms)}")
        networks = self.networks_of(player)
        added = [ops.sum(loss) for network, loss in Scope.active().added if network in networks]
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

    # ---- data

    def check_data(self, images, labels, weights, where="fit"):
        """Raise a ValueError where there are data that the model cannot take. A family says what it can take.

        Args:
            images: The images of `fit`, whole or the first batch.
            labels: The labels, or None.
            weights: What weighs the images, or None.
            where: str. What received the data; errors begin with it.
        """

    def check_inputs(self, inputs, where="predict"):
        """Raise a ValueError where `call` cannot take the inputs. A family says what it can take."""

    def _networks(self):
        return [network for player in self.players for network in self.networks_of(player)]
